# SPDX-License-Identifier: Apache-2.0
"""One call path that never changes.

Truth: from "ready" on every sample is <module>, main, a, b, c, d, leaf, each
caller at the line marked with its callee's name; leaf calls built-ins only.
"""
import time

import target


def leaf(end):
    while time.time() < end:
        pass


def d(end):
    leaf(end)  # leaf


def c(end):
    d(end)  # d


def b(end):
    c(end)  # c


def a(end):
    b(end)  # b


def main(end):
    a(end)  # a


seconds = target.argument(1, 0)
target.start()
main(time.time() + (seconds or 1e9))  # main
