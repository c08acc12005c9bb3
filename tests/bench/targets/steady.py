# SPDX-License-Identifier: Apache-2.0
"""A stack of a given depth that never changes: steady.py 0 DEPTH, 4 or more.

Truth: the stack is <module>, main, DEPTH - 3 times down, leaf.
"""
import sys

import target
import work

TURNS = range(1000)


def leaf(done):
    while True:
        for _ in TURNS:
            pass
        done[0] += 1


def down(left, done):
    if left > 1:
        down(left - 1, done)
    else:
        leaf(done)


def main():
    depth = target.argument(2, 10)
    sys.setrecursionlimit(depth + 100)
    done = work.counters()
    target.start()
    down(depth - 3, done)


main()
