# SPDX-License-Identifier: Apache-2.0
"""Names beyond ASCII, one for each width that CPython stores strings in. Python 3 only.

Truth: the stack is <module>, main, größe (one byte a character), вес (two),
𐍅𐌰𐌹𐌷𐍄 (four).
"""
import time

import target


def 𐍅𐌰𐌹𐌷𐍄(end):
    while time.time() < end:
        pass


def вес(end):
    𐍅𐌰𐌹𐌷𐍄(end)


def größe(end):
    вес(end)


def main():
    seconds = target.argument(1, 0)
    target.start()
    größe(time.time() + (seconds or 1e9))


main()
