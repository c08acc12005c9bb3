#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generators that pull from one another, entered and left all the time.

spin_odd, twitch and spin_even are called by inner in turns, inner is resumed by middle
only, middle by outer only, outer by work only. spin_even's turns are twice as many;
between them are thirty short ones of twitch.
"""
import ledger

ledger.parse()


def spin_odd():
    ledger.turn("spin_odd", 1000)


def spin_even():
    ledger.turn("spin_even", 2000)


def twitch():
    for _ in range(50):
        pass


def inner():
    while True:
        yield spin_odd()
        for _ in range(30):
            yield twitch()
        yield spin_even()


def middle():
    for value in inner():
        yield value


def outer():
    for value in middle():
        yield value


def work():
    for _ in outer():
        if not ledger.running():
            break


ledger.main(work, {"outer": ["work"], "middle": ["outer"], "inner": ["middle"],
                   "spin_odd": ["inner"], "spin_even": ["inner"], "twitch": ["inner"], "turn": ["spin_odd", "spin_even"],
                   "running": ["work"]})
