#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stack of a given depth that never changes while it works: deep.py --depth N.

The stack is <module>, main, work_and_count, work, N - 5 times down, leaf.
"""
import sys
from itertools import repeat

import ledger

options = ledger.parse(depth=100)
sys.setrecursionlimit(options.depth + 100)


def leaf():
    while ledger.running():
        for _ in repeat(None, 100000):
            pass


def down(left):
    if left > 1:
        down(left - 1)
    else:
        leaf()


def work():
    down(options.depth - 5)


ledger.main(work, {"down": ["work", "down"], "leaf": ["down"], "running": ["leaf"]},
            depths={"leaf": options.depth})
