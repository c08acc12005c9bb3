# SPDX-License-Identifier: Apache-2.0
"""Counts the SIGUSR1 that it gets while it works. For Python 3.5 and later.

Truth: its exit status, after SIGTERM, is the number of them (at most 200). Two that
come before Python's own handler has run are one to it; so those are counted that
the C handler has written down.
"""
import os
import signal
import sys

import target


def on_end(number, frame):
    sys.exit(os.read(numbers, 200).count(signal.SIGUSR1))


def work():
    x = 0
    for _ in range(1000):
        x = (x * 5 + 1) & 1023


def main():
    signal.signal(signal.SIGUSR1, lambda number, frame: None)
    signal.signal(signal.SIGTERM, on_end)
    running = target.start()
    while running():
        work()


numbers, written = os.pipe()
os.set_blocking(written, False)
signal.set_wakeup_fd(written)
main()
