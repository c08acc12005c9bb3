# -*- coding: utf-8 -*-
"""Threads whose names a reader could get wrong: named_threads.py SECONDS.

Truth: a thread is in a function that says which one it is. NAMES has the name
of each as podflame writes it; those of UNNAMED are none of threading's.
"""
import ctypes
import sys
import threading
import time
try:
    import _thread
except ImportError:
    import thread as _thread

import target

PR_SET_NAME = 15
LONG = "x" * 300
NAMES = {
    "plain": "plain",
    "named_late": "named late",
    "with_slots": "with slots",
    "with_attributes": "with attributes",
    "with_dict": "with dict",
    "of_a_subclass": "of a subclass",
    "long": "x" * 256 + u"\u2026",
    "steering": "a\\x1b[0m\\x07b",
    "other_for_the_kernel": "other for the kernel",
}
if sys.version_info[0] > 2:
    NAMES["wide"] = u"d\u00e9j\u00e0 \u4f60\u597d \U0001f4a9 \\ud800"
UNNAMED = ["of_no_thread"]


def make(name):
    """A function of that name, which sleeps or counts for ever."""
    scope = {"rest": rest}
    exec("def %s():\n    rest()" % name, scope)
    return scope[name]


def rest():
    while True:
        if target.argument(2, 0):
            sum(range(1000))
        else:
            time.sleep(0.05)


class WithSlots(threading.Thread):
    __slots__ = ("first", "second")


class WithAttributes(threading.Thread):
    def __init__(self, **arguments):
        for i in range(100):
            setattr(self, "attribute_%d" % i, i)
        threading.Thread.__init__(self, **arguments)


class Text(str):
    pass


def run(function, name, kind=threading.Thread):
    thread = kind(target=make(function), name=name)
    thread.daemon = True
    thread.start()
    return thread


def other_for_the_kernel():
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"kernel-says", 0, 0, 0)
    rest()


def main():
    run("plain", "plain")
    run("named_late", None).name = "named late"
    run("with_slots", "with slots", WithSlots)
    run("with_attributes", "with attributes", WithAttributes)
    run("with_dict", "with dict").__dict__["more"] = 1
    run("of_a_subclass", Text("of a subclass"))
    run("long", LONG)
    run("steering", "a\x1b[0m\x07b")
    if sys.version_info[0] > 2:
        run("wide", u"d\u00e9j\u00e0 \u4f60\u597d \U0001f4a9 \ud800")
    thread = threading.Thread(target=other_for_the_kernel, name="other for the kernel")
    thread.daemon = True
    thread.start()
    _thread.start_new_thread(make("of_no_thread"), ())
    time.sleep(0.3)
    running = target.start()
    while running():
        time.sleep(0.2)


if __name__ == "__main__":
    main()
