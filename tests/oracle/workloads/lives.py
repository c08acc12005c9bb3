#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Threads that live for a moment: lives.py --life MS --together N.

N are started, each takes LIFE ms of CPU time in handle_request and ends; then N others.
"""
import threading

import ledger

options = ledger.parse(life=5.0, together=1)


def handle_request():
    ledger.burn("handle_request", options.life / 1000)
    ledger.leave()


def work():
    while ledger.running():
        threads = [threading.Thread(target=handle_request, name="handler") for _ in range(options.together)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


ledger.main(work, {"<listcomp>": ["work"], "handle_request": ["run"], "burn": ["handle_request"],
                   "leave": ["handle_request"], "running": ["work"]}, roots=("<module>", "_bootstrap"))
