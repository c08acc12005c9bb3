# SPDX-License-Identifier: Apache-2.0
"""A deep recursion: deep.py SECONDS DEPTH.

Truth: the stack is <module>, main, DEPTH times down, leaf.
"""
import sys
import time

import target


def leaf(end):
    while time.time() < end:
        pass


def down(depth, end):
    if depth > 1:
        down(depth - 1, end)
    else:
        leaf(end)


def main():
    seconds = target.argument(1, 0)
    depth = target.argument(2, 200)
    sys.setrecursionlimit(depth + 100)
    target.start()
    down(depth, time.time() + (seconds or 1e9))


main()
