# SPDX-License-Identifier: Apache-2.0
"""Leaf functions of very different lengths, in known proportions.

Truth: of each length L there are three, leaf_L_9, leaf_L_3 and leaf_L_1: the same
work, called in the proportion 9:3:1. L is "2us", "20us", "200us", "2ms", measured
where a turn of the loop takes 1 us. Every length gets the same number of turns in
all. A sampler biased against short functions shows here. The work is sum()'s, for
the reason given in split.py.
"""
import random

import target

LENGTHS = [("2us", 2, 1000), ("20us", 20, 100), ("200us", 200, 10), ("2ms", 2000, 1)]
PARTS = (9, 3, 1)
NUMBERS = list(range(400))

LEAF = """
def leaf_{0}_{1}():
    for _ in turns_{0}:
        sum(NUMBERS)
"""

deck = []
for name, turns, calls in LENGTHS:
    globals()["turns_" + name] = range(turns)
    for part in PARTS:
        exec(compile(LEAF.format(name, part), __file__, "exec"))
        deck += [globals()["leaf_%s_%d" % (name, part)]] * (part * calls)


def main():
    running = target.start()
    while running():
        random.shuffle(deck)
        for function in deck:
            function()


main()
