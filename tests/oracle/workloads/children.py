#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that live for a moment: children.py --life MS --together N [--exec].

N children are forked, each takes LIFE ms of CPU time in handle_job and ends; then N
others. With --exec they are interpreters of their own, whose start takes CPU time in which there
is no Python yet.
"""
import subprocess
import sys

import ledger

options = ledger.parse(life=20.0, together=1, exec=False)
PROGRAM = """
import time
def handle_job():
    end = time.thread_time() + %g
    while time.thread_time() < end:
        pass
handle_job()
""" % (options.life / 1000)


def handle_job():
    ledger.burn("handle_job", options.life / 1000)


def start():
    if options.exec:
        return subprocess.Popen([sys.executable, "-I", "-S", "-c", PROGRAM]).pid
    return ledger.fork(handle_job)


def work():
    while ledger.running():
        for _ in range(options.together):
            start()
        for _ in range(options.together):
            ledger.wait()


ledger.main(work, {"start": ["work"], "fork": ["start"], "wait": ["work"],
                   "handle_job": ["fork", "<module>"], "burn": ["handle_job"], "running": ["work"]})
