# SPDX-License-Identifier: Apache-2.0
"""One thread keeps others from running: gil_blame.py SECONDS WANTERS.

Truth: hog() calls big() and small() in turn, which hold the GIL in one C call each, 4 : 1. WANTERS threads in wants()
want the GIL always. One thread in naps() never wants it.
"""
import threading
import time

import target

try:
    numbers = xrange
except NameError:
    numbers = range


def big():
    sum(numbers(1600000))


def small():
    sum(numbers(400000))


def hog():
    while True:
        big()
        small()


def wants():
    x = 0
    while True:
        x = (x * 5 + 1) & 1023


def naps():
    time.sleep(1e5)


def main():
    for function in [hog, naps] + [wants] * target.argument(2, 3):
        thread = threading.Thread(target=function, name=function.__name__)
        thread.daemon = True
        thread.start()
    time.sleep(0.3)
    running = target.start()
    while running():
        time.sleep(1)


main()
