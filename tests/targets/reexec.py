# SPDX-License-Identifier: Apache-2.0
"""Executes another program: reexec.py BEFORE AFTER [PYTHON].

Truth: it is in before for BEFORE seconds of CPU time; then, as another Python in the
same process, in after for AFTER.
"""
import os
import sys
import time


def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        for _ in range(1000):
            pass


def before():
    work(float(sys.argv[1]))


def after():
    work(float(sys.argv[2]))


def main():
    if len(sys.argv) > 4:
        after()
        return
    print("ready", flush=True)
    before()
    python = sys.argv[3] if len(sys.argv) > 3 else sys.executable
    os.execv(python, [python, sys.argv[0], "0", sys.argv[2], python, "again"])


main()
