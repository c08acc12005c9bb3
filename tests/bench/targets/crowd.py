# SPDX-License-Identifier: Apache-2.0
"""Threads: crowd.py 0 BUSY IDLE. The main thread is the first of the busy ones.

Truth: spin is called by main or by a thread's run, rest by a thread's run.
"""
import threading

import target
import work

TURNS = range(1000)


def spin(done, slot):
    while True:
        for _ in TURNS:
            pass
        done[slot] += 1


def rest():
    threading.Event().wait()


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def main():
    done = work.counters()
    for _ in range(target.argument(3, 0)):
        start(rest)
    for slot in range(1, target.argument(2, 1)):
        start(spin, done, slot)
    target.start()
    spin(done, 0)


main()
