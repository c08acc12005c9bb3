#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Threads that live from the beginning to the end: crowd.py --busy N --idle N --napping N [--free].

N busy ones are in crunch all the time, and fight for the GIL if there is one; N idle
ones wait; N napping ones sleep for 10 ms again and again, and want the GIL in between. With --free crunch hashes large blocks, for which the GIL is let go: then as
many run at a time as there are CPUs.
"""
import hashlib
import threading
import time
from itertools import repeat

import ledger

options = ledger.parse(busy=16, idle=0, napping=0, free=False)
BLOCK = bytes(1 << 20)
finished = threading.Event()


def crunch():
    book = ledger.open_book("crunch")
    while ledger.running():
        for _ in repeat(None, 10000):
            pass
    book()


def hash_blocks():
    book = ledger.open_book("hash_blocks")
    while ledger.running():
        hashlib.sha256(BLOCK).digest()
    book()


def be_idle():
    finished.wait()


def nap():
    while ledger.running():
        time.sleep(0.01)
    ledger.leave()


def be_busy():
    hash_blocks() if options.free else crunch()
    ledger.leave()


def work():
    threads = [threading.Thread(target=be_busy, name="busy-%d" % i) for i in range(options.busy)]
    threads += [threading.Thread(target=be_idle, name="idle-%d" % i) for i in range(options.idle)]
    threads += [threading.Thread(target=nap, name="napping-%d" % i) for i in range(options.napping)]
    for thread in threads:
        thread.start()
    time.sleep(ledger.options.seconds)
    while ledger.running():
        time.sleep(0.1)
    finished.set()
    for thread in threads:
        thread.join()


ledger.main(work, {"<listcomp>": ["work"], "be_busy": ["run"], "be_idle": ["run"], "nap": ["run"],
                   "crunch": ["be_busy"], "hash_blocks": ["be_busy"], "open_book": ["crunch", "hash_blocks"],
                   "book": ["crunch", "hash_blocks"], "leave": ["be_busy", "nap"],
                   "running": ["work", "crunch", "hash_blocks", "nap"]}, roots=("<module>", "_bootstrap"))
