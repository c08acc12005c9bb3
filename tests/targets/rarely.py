# SPDX-License-Identifier: Apache-2.0
"""Many processes that sleep, and ten that seldom work: rarely.py 0 SLEEPING SECONDS.

Truth: those that work spend as much CPU time in first as in second, 2 ms in each, four times a
second; when they have ended, the parent tells the CPU time of them all: "used SECONDS".
"""
import os
import random
import resource
import time

import target


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def first():
    burn(0.002)


def second():
    burn(0.002)


def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(random.uniform(0.21, 0.3))  # longer than any memory of what ran lately
        first()
        second()
    os._exit(0)


def main():
    sleeping, seconds = target.argument(2, 130), target.argument(3, 10)
    children = []
    for _ in range(int(sleeping)):
        children.append(os.fork())
        if children[-1] == 0:
            time.sleep(1000)
    target.start()
    workers = []
    for _ in range(10):
        workers.append(os.fork())
        if workers[-1] == 0:
            work(seconds)
    for worker in workers:
        os.waitpid(worker, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("used %.3f" % (used.ru_utime + used.ru_stime), flush=True)
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)


main()
