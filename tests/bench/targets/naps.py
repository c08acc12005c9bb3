# SPDX-License-Identifier: Apache-2.0
"""Threads that hardly run: naps.py 0 SLEEPING NAPPING.

Truth: SLEEPING threads wait in rest() for an event that nobody sets, NAPPING ones sleep in nap() for 1 ms again and again,
and count that. The main thread sleeps.
"""
import threading
import time

import target
import work

never = threading.Event()


def rest():
    never.wait()


def nap(done, slot):
    while True:
        time.sleep(0.001)
        done[slot] += 1


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def main():
    done = work.counters()
    threading.stack_size(256 << 10)
    for _ in range(target.argument(2, 0)):
        start(rest)
    for slot in range(target.argument(3, 0)):
        start(nap, done, slot)
    running = target.start()
    while running():
        time.sleep(1)


main()
