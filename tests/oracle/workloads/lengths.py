#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Leaf functions of very different lengths, in known proportions.

There are three of each length L, leaf_L_9, leaf_L_3 and leaf_L_1: the same loop, called
in the proportion 9:3:1, in random order. Every length gets the same number of turns in
all, and a turn costs the same whatever the length, so that all lengths take the same
time but for what the calls cost. L is in time by the measure of a machine that takes
40 ns for a turn. With --describe it measures "balance": bounds for the time of the 2us ones
over that of the 2ms ones.
"""
import random
import statistics
import time
from itertools import repeat

import ledger

ledger.parse()
LENGTHS = [("2us", 50, 1000), ("20us", 500, 100), ("200us", 5000, 10), ("2ms", 50000, 1)]
PARTS = (9, 3, 1)
ROUNDS = 150
LEAF = """
def leaf_{0}_{1}():
    x = 0
    for _ in repeat(None, {2}):
        x = (x * 5 + 1) & 1023
    return x
"""
deck, leaves = [], {"repeat": repeat}
for name, turns, calls in LENGTHS:
    for part in PARTS:
        exec(compile(LEAF.format(name, part, turns), __file__, "exec"), leaves)
        deck += [leaves["leaf_%s_%d" % (name, part)]] * (part * calls)


def empty():
    pass


def seconds(function, calls):
    begin = time.perf_counter()
    for _ in repeat(None, calls):
        function()
    return time.perf_counter() - begin


def balance():
    """How much of a call's cost is the leaf's is not known: none of it, or all."""
    short, long = leaves["leaf_2us_1"], leaves["leaf_2ms_1"]
    rounds = [(seconds(empty, 1000), seconds(short, 1000), seconds(long, 1)) for _ in range(ROUNDS)]
    calls, shorts, longs = (statistics.median(column) for column in zip(*rounds))
    return {"balance": [(shorts - calls) / longs, shorts / longs]}


def work():
    while ledger.running():
        random.shuffle(deck)
        for function in deck:
            function()


groups = [["leaf_%s_%d" % (name, part) for part in PARTS] for name, _, _ in LENGTHS]
ledger.main(work, {"running": ["work"], **{leaf: ["work"] for group in groups for leaf in group}},
            proportions=[dict(zip(group, PARTS)) for group in groups], more=balance)
