#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exceptions raised six calls deep, caught at the top, all the time.

work calls e1 and caught, e1 calls e2 ... e5 calls e6, e6 makes a Trouble.
"""
import ledger

ledger.parse()
LEVEL = """
def e{0}(n):
    e{1}(n)
"""


class Trouble(Exception):
    def __init__(self, n):
        self.n = n


def e6(n):
    raise Trouble(n)


for i in range(1, 6):
    exec(compile(LEVEL.format(i, i + 1), __file__, "exec"))


def caught(trouble):
    x = trouble.n
    for _ in range(20):
        x = (x * 5 + 1) & 1023
    return x


def work():
    n = 0
    while ledger.running():
        for _ in range(100):
            try:
                globals()["e1"](n)
            except Trouble as trouble:
                n = caught(trouble)


chain = ["work", "e1", "e2", "e3", "e4", "e5", "e6", "__init__"]
callers = {callee: [caller] for caller, callee in zip(chain, chain[1:])}
ledger.main(work, {**callers, "caught": ["work"], "running": ["work"]})
