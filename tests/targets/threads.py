# SPDX-License-Identifier: Apache-2.0
"""Threads with names, busy and idle: threads.py SECONDS BUSY IDLE.

Truth: BUSY threads named busy-0, busy-1... are in spin and want the CPU always;
IDLE threads named idle-0... are in rest and never run; the main thread sleeps in
wait. The names are the kernel's as well (3.14 sets those by itself).
"""
import ctypes
import threading
import time

import target

PR_SET_NAME = 15

begun = []


def name_thread():
    name = threading.current_thread().name.encode("ascii")
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)


def spin():
    x = 0
    while True:
        x = (x * 5 + 1) & 1023


def rest():
    threading.Event().wait(1e6)


def work(function):
    name_thread()
    begun.append(function)
    function()


def wait():
    running = target.start()
    while running():
        time.sleep(0.2)


def main():
    kinds = [("busy", spin, target.argument(2, 2)), ("idle", rest, target.argument(3, 2))]
    for kind, function, count in kinds:
        for i in range(count):
            thread = threading.Thread(target=work, args=(function,), name="%s-%d" % (kind, i))
            thread.daemon = True
            thread.start()
    while len(begun) < sum(count for _, _, count in kinds):
        time.sleep(0.01)
    time.sleep(0.1)  # from there to where they stay it is a step
    wait()


main()
