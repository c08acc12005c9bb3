# SPDX-License-Identifier: Apache-2.0
"""What every target does: says "ready" once it runs, and ends after a while if asked to.

A target is called as `python TARGET.py [SECONDS [MORE...]]`; SECONDS 0, or none,
runs until it is killed. Targets are for Python 2.7 and all later ones.
"""
import sys
import time


def argument(position, default):
    return int(sys.argv[position]) if len(sys.argv) > position else default


def start():
    """Prints "ready"; returns a function that tells whether to go on."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0
    end = time.time() + seconds if seconds else float("inf")

    def running():
        return time.time() < end

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return running
