# SPDX-License-Identifier: Apache-2.0
"""Greenlets that wait: greenlet N is N calls deep. One has not begun, one has ended, one runs."""

import sys
import time

import greenlet

main = greenlet.getcurrent()


def deep(n):
    if n:
        deep(n - 1)
    else:
        main.switch()


def work(n):
    deep(n)


def run():
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    time.sleep(600)


waiting = [greenlet.greenlet(work) for _ in range(5)]
for number, each in enumerate(waiting):
    each.switch(number)
new = greenlet.greenlet(work)
ended = greenlet.greenlet(lambda: None)
ended.switch()
running = greenlet.greenlet(run)
running.switch()
