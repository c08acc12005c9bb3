# SPDX-License-Identifier: Apache-2.0
"""Sleeps, always at the same place.

Truth: the stack is <module>, main, nap; it uses no CPU.
"""
import time

import target


def nap(seconds):
    time.sleep(seconds)


def main():
    seconds = target.argument(1, 0)
    target.start()
    nap(seconds or 1000000)


main()
