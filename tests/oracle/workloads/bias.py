#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two functions of equal CPU time, in short and in long bursts: bias.py --short MS --long MS --pause MS.

short_request is called as often as it takes to be equal to one long_request; after each
call the thread sleeps. A profiler that misses what is short, or favours what has just
woken up, shows it here.
"""
import ledger

options = ledger.parse(short=1.0, long=30.0, pause=2.0)


def short_request():
    ledger.burn("short_request", options.short / 1000)


def long_request():
    ledger.burn("long_request", options.long / 1000)


def nap(seconds):
    ledger.rest("nap", seconds)


def work():
    while ledger.running():
        for _ in range(round(options.long / options.short)):
            short_request()
            nap(ledger.about(options.pause / 1000))
        long_request()
        nap(ledger.about(options.pause / 1000))


ledger.main(work, {"short_request": ["work"], "long_request": ["work"], "nap": ["work"],
                   "burn": ["short_request", "long_request"], "rest": ["nap"], "about": ["work"],
                   "running": ["work"]})
