# SPDX-License-Identifier: Apache-2.0
"""A forest of greenlets that changes all the time, and whose stacks are known.

hop_K() alone starts and resumes the greenlets that run child_K(). So a stack with child_K goes on, outside of it, with a
mark and then hop_K of its parent. A greenlet lives for some switches, and then a new one takes its place. Before it ends, it
lets those end that it has started: none is killed.

    greenlets.py            the forest
    greenlets.py sleep      1000 greenlets that wait, and whose places are known, stay as they are
    greenlets.py switch     two of them do nothing but switch
    greenlets.py gevent     three of gevent's
    greenlets.py bridge     three tasks of asyncio that run code in greenlets, which await by switching back: as SQLAlchemy's
"""

import asyncio
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
        globals()["hop_r"](mine)


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


def turn():
    while True:
        others[greenlet.getcurrent()].switch()


def switches():
    one, other = greenlet.greenlet(turn), greenlet.greenlet(turn)
    others.update({one: other, other: one})
    print("ready", flush=True)
    one.switch()


others = {}


def works():
    import gevent
    while True:
        sum(range(5000))
        gevent.sleep(0)


def with_gevent():
    import gevent
    print("ready", flush=True)
    gevent.joinall([gevent.spawn(works) for _ in range(3)])


def query():
    sum(range(20000))
    greenlet.getcurrent().parent.switch()


def queries():
    for _ in range(3):
        query()


async def spawn(function):
    one = greenlet.greenlet(function)
    one.switch()
    while not one.dead:
        await asyncio.sleep(0)
        one.switch()


async def request():
    while True:
        await spawn(queries)


async def gathers():
    print("ready", flush=True)
    await asyncio.gather(request(), request(), request())


def bridges():
    asyncio.run(gathers())


def forest():
    define("r", 0)
    print("ready", flush=True)
    main()


{"sleep": sleeps, "switch": switches, "gevent": with_gevent, "bridge": bridges}.get((sys.argv + ["-"])[1], forest)()
