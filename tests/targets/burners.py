# SPDX-License-Identifier: Apache-2.0
"""Threads that burn: burners.py SECONDS THREADS. Needs nothing that a bare interpreter lacks.

Truth: THREADS threads are in burn and want the CPU always; the main thread sleeps in
wait. Under a GIL they share one CPU, without one each has its own.
"""
import threading
import time

import target


def burn():
    x = 0
    while True:
        x = (x * 5 + 1) & 1023


def wait(running):
    while running():
        time.sleep(0.2)


def main():
    for _ in range(target.argument(2, 2)):
        thread = threading.Thread(target=burn)
        thread.daemon = True
        thread.start()
    wait(target.start())


main()
