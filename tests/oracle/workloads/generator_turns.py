#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generators that pull from one another (tests/targets/generators.py).

spin_odd, twitch and spin_even are called by inner in turns, inner is resumed by middle
only, middle by outer only, outer by main only, and that by work. spin_even's turns are twice
as many; between them are thirty short ones of twitch.
"""
import ledger

import generators

ledger.parse()


def spin_odd():
    ledger.turn("spin_odd", 1000)


def spin_even():
    ledger.turn("spin_even", 2000)


def twitch():
    for _ in range(50):
        pass


def work():
    generators.main(ledger.running, [spin_odd, *[twitch] * 30, spin_even])


ledger.main(work, {"main": ["<module>", "work"], "outer": ["main"], "middle": ["outer"], "inner": ["middle"],
                   "spin_odd": ["inner"], "spin_even": ["inner"], "twitch": ["inner"], "turn": ["spin_odd", "spin_even"],
                   "running": ["main"]}, files=["generators.py"])
