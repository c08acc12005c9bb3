# SPDX-License-Identifier: Apache-2.0
"""Three lines of one function take 70, 20 and 10 % of the time of the three.

Truth: as of split.py, whose words say why: each line is reached 14, 4 and 2 times a
round, and does the same. The lines are known by their comments.
"""
import random

import target

NUMBERS = list(range(700))
TURNS = range(10)


def work(deck):
    for kind in deck:
        if kind == "hot":
            for _ in TURNS: sum(NUMBERS)  # hot
        elif kind == "warm":
            for _ in TURNS: sum(NUMBERS)  # warm
        else:
            for _ in TURNS: sum(NUMBERS)  # cold


def main():
    running = target.start()
    deck = ["hot"] * 14 + ["warm"] * 4 + ["cold"] * 2
    while running():
        random.shuffle(deck)
        work(deck)


main()
