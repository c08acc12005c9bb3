# SPDX-License-Identifier: Apache-2.0
"""Collects garbage for a known share of its CPU time: collects.py SECONDS KIND.

Truth: gc.callbacks tell how long the collector has run, and burn runs three times
as long as that. So the collector has a quarter of the time of both. KIND is

  manual      gc.collect(), called by collect
  automatic   make makes garbage until the collector has run, and has its own time
  finalizers  as manual; half of each collection is in spin, which __del__ calls
  released    as manual; __del__ sleeps, and another thread is in busy meanwhile
  disabled    make makes garbage and clears it, and nothing is ever collected

For Python 3.7 and later.
"""
import gc
import sys
import threading
import time

import target

KIND = sys.argv[2]
clock = time.thread_time
books = {"begin": 0, "took": 0}


def note(phase, info):
    if phase == "start":
        books["begin"] = clock()
    else:
        books["took"] += clock() - books["begin"]


def burn(until):
    while clock() < until:
        sum(NUMBERS)


def spin(until):
    while clock() < until:
        sum(NUMBERS)


def busy():
    x = 0
    while True:
        x = (x * 5 + 1) & 1023


class Finalized:
    def __init__(self):
        self.itself = self

    def __del__(self):
        if KIND == "released":
            time.sleep(0.02)
        elif KIND == "finalizers":
            now = clock()
            spin(2 * now - books["begin"])


def make():
    for _ in range(20000):
        garbage = []
        garbage.append(garbage)
        if KIND == "disabled":
            garbage.clear()


def collect():
    gc.collect()


def turn():
    books["took"] = 0
    if KIND in ("automatic", "disabled"):
        make()
    else:
        if KIND != "manual":
            Finalized()
        collect()
    burn(clock() + 3 * books["took"])


NUMBERS = list(range(100))
HEAP = []


def main():
    for _ in range(100000):
        item = []
        item.append(item)
        HEAP.append(item)
    if KIND != "automatic":
        gc.disable()
    if KIND == "released":
        thread = threading.Thread(target=busy)
        thread.daemon = True
        thread.start()
    gc.callbacks.append(note)
    running = target.start()
    while running():
        turn()


main()
