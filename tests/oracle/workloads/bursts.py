#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One thread that works in bursts: bursts.py --busy MS --pause MS [--regular].

handle takes BUSY ms of CPU time, nap sleeps for PAUSE ms, each half as long to half as
long again; with --regular, always the same, so that a sampler with a fixed period can
fall into step.
"""
import ledger

options = ledger.parse(busy=1.0, pause=2.0, regular=False)
length = float if options.regular else ledger.about


def handle(seconds):
    ledger.burn("handle", seconds)


def nap(seconds):
    ledger.rest("nap", seconds)


def work():
    while ledger.running():
        handle(length(options.busy / 1000))
        nap(length(options.pause / 1000))


ledger.main(work, {"handle": ["work"], "nap": ["work"], "burn": ["handle"], "rest": ["nap"],
                   "about": ["work"], "running": ["work"]})
