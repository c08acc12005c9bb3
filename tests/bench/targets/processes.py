# SPDX-License-Identifier: Apache-2.0
"""A parent that waits for its busy children: processes.py 0 CHILDREN.

Truth: the children are in <module>, main, child; the parent in <module>, main.
"""
import os

import target
import work

TURNS = range(1000)


def child(done, slot):
    while True:
        for _ in TURNS:
            pass
        done[slot] += 1


def main():
    done = work.counters()
    for slot in range(target.argument(2, 16)):
        if os.fork() == 0:
            child(done, slot)
    target.start()
    os.wait()


main()
