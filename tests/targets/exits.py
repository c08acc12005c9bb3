# SPDX-License-Identifier: Apache-2.0
"""Ends by itself in the midst of its work: exits.py SECONDS return|exit|abort|kill.

Truth: until then it is in work; it ends with 0, with 3, by SIGABRT, or by SIGKILL.
"""
import os
import signal
import sys

import target


def work(running):
    while running():
        for _ in range(1000):
            pass


def main():
    ways = {
        "return": lambda: None,
        "exit": lambda: sys.exit(3),
        "abort": os.abort,
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    }
    end = ways[sys.argv[2] if len(sys.argv) > 2 else "return"]
    work(target.start())
    end()


main()
