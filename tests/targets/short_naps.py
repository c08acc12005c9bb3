# SPDX-License-Identifier: Apache-2.0
"""Threads that live for a millisecond, one after the other: short_naps.py SECONDS.

Truth: a thread in naps() sleeps, one in awaits() waits for an event that nobody sets. The first is called napper-N, the
second waiter-N. The main thread, in follow(), starts them and waits for their end.
"""
import threading
import time

import target

LIFE = 0.001
never = threading.Event()


def naps():
    time.sleep(LIFE)


def awaits():
    never.wait(LIFE)


def follow(number):
    thread = threading.Thread(target=(naps, awaits)[number % 2], name="%s-%d" % (("napper", "waiter")[number % 2], number))
    thread.start()
    thread.join()


def main():
    running = target.start()
    number = 0
    while running():
        follow(number)
        number += 1


main()
