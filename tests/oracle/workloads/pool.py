#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A pool of threads with small and large tasks: pool.py --workers N --lockers N.

Six small_task (0.5 ms of CPU time) are handed in with every large_task (3 ms): equal
shares. N lockers more sleep while they hold a lock that all of them want, and then take 0.2 ms.
"""
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import ledger

options = ledger.parse(workers=8, lockers=0)
lock = threading.Lock()


def small_task():
    ledger.burn("small_task", 0.0005)


def large_task():
    ledger.burn("large_task", 0.003)


def locked_task():
    ledger.burn("locked_task", 0.0002)


def use_lock():
    while ledger.running():
        with lock:
            time.sleep(0.005)
            locked_task()


def hand_in(pool):
    for task in (small_task,) * 6 + (large_task,):
        pool.submit(task)


def work():
    lockers = [threading.Thread(target=use_lock) for _ in range(options.lockers)]
    for thread in lockers:
        thread.start()
    with ThreadPoolExecutor(options.workers) as pool:
        while ledger.running():
            hand_in(pool)
            time.sleep(ledger.about(0.01))
    for thread in lockers:
        thread.join()


ledger.main(work, {"<listcomp>": ["work"], "hand_in": ["work"], "small_task": ["run"],
                   "large_task": ["run"], "use_lock": ["run"], "locked_task": ["use_lock"],
                   "burn": ["small_task", "large_task", "locked_task"],
                   "running": ["work", "use_lock"], "about": ["work"]}, roots=("<module>", "_bootstrap"))
