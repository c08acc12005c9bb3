# SPDX-License-Identifier: Apache-2.0
"""hot, warm and cold take 70, 20 and 10 % of the time of the three.

Truth: the three do the same, and are called 14, 4 and 2 times a round, so the shares
hold on any machine. Nearly all of a call is spent in sum(), the same machine code
on the same data for all three: equal loops of bytecode would not do, since copies of
one function at different addresses were seen to differ in speed by up to 15 % in
some processes. The order within a round is random, so that no sampling rate can
fall into step with it, and a call is shorter than the time between two samples at
any rate up to 10 kHz.
"""
import random

import target

NUMBERS = list(range(700))
TURNS = range(10)


def hot():
    for _ in TURNS:
        sum(NUMBERS)


def warm():
    for _ in TURNS:
        sum(NUMBERS)


def cold():
    for _ in TURNS:
        sum(NUMBERS)


def main():
    running = target.start()
    deck = [hot] * 14 + [warm] * 4 + [cold] * 2
    while running():
        random.shuffle(deck)
        for function in deck:
            function()


main()
