# SPDX-License-Identifier: Apache-2.0
"""names.py N: every 50 ms a new stack of N new functions with long names of characters that cannot be seen."""

import sys
import time

sys.setrecursionlimit(10000)
made = {}
exec("def wrap(f):\n    def call(): f()\n    return call", made)
wrap = made["wrap"]
kept = []
number = 0


def last():
    end = time.time() + 0.05
    while time.time() < end:
        for _ in range(1000):
            pass


def stack():
    global number
    function = last
    for _ in range(int(sys.argv[1])):
        number += 1
        name = "\u200b%d" % number + "\u200b" * 4080
        wrapped = wrap(function)
        wrapped.__code__ = wrapped.__code__.replace(co_name=name, co_qualname=name, co_filename=name)
        function = wrapped
    return function


kept = [stack() for _ in range(3)]
print("ready", flush=True)
while True:
    kept[0]()
    kept = kept[1:] + [stack()]
