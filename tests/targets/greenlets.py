# SPDX-License-Identifier: Apache-2.0
"""A forest of greenlets that changes all the time, and whose stacks are known.

hop_K() alone starts and resumes the greenlets that run child_K(). So a stack with child_K goes on, outside of it, with a
mark and then hop_K of its parent. A greenlet lives for some switches, and then a new one takes its place. Before it ends, it
lets those end that it has started: none is killed.

    greenlets.py [sleep]    sleep: 1000 greenlets that wait, and whose places are known, stay as they are
"""

import random
import sys

import greenlet

WIDTH, DEPTH = 4, 3

CODE = """
def child_{name}(*_):
    mine = {{}}
    for _ in range({lives}):
        leaf_{name}()
        {below}
        greenlet.getcurrent().parent.switch()
    {last}

def leaf_{name}():
    sum(range(20))

def hop_{name}(mine, last=False):
    child = mine.get("{name}")
    if child is None or child.dead:
        child = mine["{name}"] = None if last else greenlet.greenlet(child_{name})
    while child is not None and not child.dead:
        child.switch()
        if not last:
            break
"""


def define(name, depth):
    names = ["%s%d" % (name, i) for i in range(WIDTH)] if depth < DEPTH else []
    calls = [";".join("hop_%s(mine, %s)" % (inner, last) for inner in names) or "pass" for last in (False, True)]
    for inner in names:
        define(inner, depth + 1)
    exec(CODE.format(name=name, below=calls[0], last=calls[1], lives=random.randint(2, 9)), globals())


def main():
    mine = {}
    while True:
        hop_r(mine)  # noqa: F821


def waits(depth):
    if depth:
        return waits(depth - 1)
    return greenlet.getcurrent().parent.switch()


def sleeps():
    kept = [greenlet.greenlet(waits) for _ in range(1000)]
    for i, one in enumerate(kept):
        one.switch(i % 10)
    fresh = greenlet.greenlet(waits)
    print("ready", id(fresh), *map(id, kept), flush=True)
    while True:
        sum(range(1000))


if sys.argv[1:] == ["sleep"]:
    sleeps()
else:
    define("r", 0)
    print("ready", flush=True)
    main()
