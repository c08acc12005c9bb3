# SPDX-License-Identifier: Apache-2.0
"""Work in subinterpreters: interpreters.py own|shared GIL, and how it is divided.

    turns    one thread works in the main interpreter and in another, in turn, 1 : 3
    threads  two threads, each in an interpreter of its own
    sleep    one thread sleeps in a subinterpreter
    many     20 more interpreters are there, and the main one works

By the CPU time of each thread, so that the shares are what they are on any machine.
"""

import sys
import threading
import time

try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters

HERE = """
import time
def {name}(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(200):
            pass
"""
space = {}
exec(HERE.format(name="outer"), space)
outer = space["outer"]


def create(gil):
    if sys.version_info >= (3, 13):
        return _interpreters.create("isolated" if gil == "own" else "legacy")
    if sys.version_info >= (3, 12):
        return _interpreters.create(isolated=gil == "own")
    return _interpreters.create()


def enter(interpreter, name, code):
    _interpreters.run_string(interpreter, HERE.format(name=name) + code)


def turns(gil):
    interpreter = create(gil)
    enter(interpreter, "inner", "")
    print("ready", flush=True)
    while True:
        outer(0.005)
        _interpreters.run_string(interpreter, "inner(0.015)")


def threads(gil):
    places = [create(gil), create(gil)]
    print("ready", flush=True)
    for place, name in zip(places, ("first", "second")):
        code = "while True:\n    %s(0.01)\n    time.sleep(0.001)\n" % name
        threading.Thread(target=enter, args=(place, name, code), daemon=True).start()
    while True:
        time.sleep(1)


def sleep(gil):
    interpreter = create(gil)
    print("ready", flush=True)
    enter(interpreter, "inner", "def nap():\n    time.sleep(1000)\nnap()\n")


def many(gil):
    kept = [create(gil) for _ in range(20)]
    print("ready", flush=True)
    while kept:
        outer(0.01)


{"turns": turns, "many": many, "threads": threads, "sleep": sleep}[sys.argv[2]](sys.argv[1])
