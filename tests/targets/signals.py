# SPDX-License-Identifier: Apache-2.0
"""Counts the SIGUSR1 that it gets while it works.

Truth: its exit status, after SIGTERM, is the number of them (at most 200).
"""
import signal
import sys

import target

count = 0


def on_signal(number, frame):
    global count
    count += 1


def on_end(number, frame):
    sys.exit(min(count, 200))


def work():
    x = 0
    for _ in range(1000):
        x = (x * 5 + 1) & 1023


def main():
    signal.signal(signal.SIGUSR1, on_signal)
    signal.signal(signal.SIGTERM, on_end)
    running = target.start()
    while running():
        work()


main()
