# SPDX-License-Identifier: Apache-2.0
"""Starts Python processes at a rate, RATE a second: every other one forked, the others executed.

Each works for a moment, sleeps for another, and ends within a second.
"""
import os
import signal
import sys
import time

LIFE = "import time\nfor _ in range(20000): pass\ntime.sleep(%g)"


def give_birth(n):
    seconds = (n % 10) / 10
    if n % 2:
        os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-I", "-S", "-c", LIFE % seconds])
    elif os.fork() == 0:
        exec(LIFE % seconds)
        os._exit(0)


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    pause = 1 / float(sys.argv[1])
    start, n = time.monotonic(), 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        give_birth(n)
        n += 1
        time.sleep(max(0, start + n * pause - time.monotonic()))


main()
