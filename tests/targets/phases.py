# SPDX-License-Identifier: Apache-2.0
"""A clock to be read from its stack: it is in phase_N from N * 2 ms to (N + 1) * 2 ms
of CLOCK_MONOTONIC, and after phase_1999 in phase_0 again: 4 s a round.

The first phase that a profile holds tells when its first sample was taken.
"""
import time

import target

PHASES = 2000
SECONDS = 0.002

PHASE = """
def phase_{0}(end, clock):
    while clock() < end:
        pass
"""

for i in range(PHASES):
    exec(compile(PHASE.format(i), __file__, "exec"))


def main():
    phases = [globals()["phase_%d" % i] for i in range(PHASES)]
    target.start()
    while True:
        n = int(time.monotonic() / SECONDS)
        phases[n % PHASES]((n + 1) * SECONDS, time.monotonic)


main()
