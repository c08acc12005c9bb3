#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes and frees code objects in a loop, so that their addresses are used again: codes.py --turns N.

Each is called once, and turns so often. Every function is made_N of the file made_N.py,
with the same N: a name that goes with another file is a stale one.
"""
import ledger

options = ledger.parse(turns=2000)
MADE = """
def made_{0}():
    x = 0
    for _ in range({1}):
        x = (x * 5 + 1) & 1023
    return x
"""


def make(n):
    names = {}
    exec(compile(MADE.format(n, options.turns), "made_%d.py" % n, "exec"), names)
    return names["made_%d" % n]


def work():
    n = 0
    while ledger.running():
        n += 1
        function = make(n)
        function()
        del function


ledger.main(work, {"make": ["work"], "made_#": ["work"], "running": ["work"]})
