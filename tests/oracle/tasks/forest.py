#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks of asyncio in a known forest that changes all the time.

Task N is called "nN". Its coroutine is node_N, and while it works it is in busy_N: each task has code objects of its own, so a
stack alone proves which task it is of. Node N creates its children, awaits all of them, and ends. How it awaits them is
KINDS[N % len(KINDS)], by the functions step_N, or waits_N, which is an asynchronous generator. A leaf works and sleeps in turn,
at last in ticks_N, another asynchronous generator. Two threads have a loop each. A loop lives for some seconds: then another one
begins, whose tasks are of a class of their own, or begin eagerly (3.12 on).

    forest.py [--seconds N] [--tasks N] [--loop-seconds N] [--describe]
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import threading
import time

BRANCHES = 5  # children of a node
TREES = 10  # of each loop
KINDS = ("gather", "await", "group", "agen", "wait", "shield")
LOOPS = 2
WORK_SECONDS = 60e-6
NAP_SECONDS = 0.7
# Functions that nodes share: a process with too many code objects is read anew all the time.
SHARED = 100


# ---- the functions of which each node has copies of its own ------------------------------------


def busy(end, clock):
    while clock() < end:
        pass


async def ticks(forest, work, n):
    for _ in range(n):
        forest.work(work)
        yield


async def leaf(forest, node, busy, ticks):
    for _ in range(forest.random.randrange(1, 4)):
        forest.work(busy)
        await forest.nap()
    async for _ in ticks(forest, busy, 3):
        await forest.nap()


async def step_gather(forest, children):
    await asyncio.gather(*children())


async def step_await(forest, children):
    tasks = children()
    for task in tasks:
        await task


async def step_shield(forest, children):
    for task in children():
        await asyncio.shield(task)


async def step_wait(forest, children):
    pending = children()
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)


async def step_group(forest, children):
    if sys.version_info < (3, 14 if forest.is_eager else 11):
        return await asyncio.gather(*children())
    async with asyncio.TaskGroup() as group:
        children(group.create_task)
        await asyncio.sleep(0)


async def waits(forest, children):
    for task in children():
        await task
        yield


async def step_agen(forest, waits, children):
    async for _ in waits(forest, children):
        pass


async def node(forest, number, busy, step, children):
    while True:
        forest.work(busy)
        await step(children)
        forest.work(busy)
        if forest.stops or number > forest.trees:
            break
        forest.rename(number)


# ---- the forest ----------------------------------------------------------------------------------


def parent(number, trees):
    """0: it is the root of a tree. Nodes are numbered from 1 on, the roots first; both loops have the same numbers."""
    return 0 if number <= trees else (number - trees - 1) // BRANCHES + 1


def kind(number):
    return KINDS[number % len(KINDS)]


def code_of(function, name):
    """The same function by another code object."""
    made = type(function)(function.__code__.replace(co_name=name), globals(), name)
    if hasattr(made.__code__, "co_qualname"):
        made.__code__ = made.__code__.replace(co_qualname=name)
    return made


class Kept(asyncio.Task):
    """A class of Tasks, with attributes of its own."""

    def __init__(self, coro, **options):
        super().__init__(coro, **options)
        self.request = "r"


class Forest:
    """The trees of one loop."""

    def __init__(self, first, tasks, seed):
        self.first, self.tasks, self.trees = first, tasks, TREES
        self.random = random.Random(seed)
        self.stops = self.is_eager = False
        self.most = 0
        self.functions = {}
        for number in range(1, tasks + 1):
            name = self.first + number
            share = name % SHARED
            busy_n = code_of(busy, "busy_%d" % name)
            if self.children_of(number):
                step = globals()["step_" + kind(number)]
                step = code_of(step, "step_%s_%d" % (kind(number), share))
                self.functions[number] = code_of(node, "node_%d" % name), busy_n, step, code_of(waits, "waits_%d" % share)
            else:
                self.functions[number] = code_of(leaf, "node_%d" % name), busy_n, code_of(ticks, "ticks_%d" % share)

    def children_of(self, number):
        begin = self.trees + (number - 1) * BRANCHES + 1
        return range(begin, min(begin + BRANCHES, self.tasks + 1))

    def work(self, busy):
        busy(time.perf_counter() + WORK_SECONDS * self.random.random(), time.perf_counter)

    def nap(self):
        return asyncio.sleep(self.random.random() * NAP_SECONDS * (not self.stops))

    def rename(self, number):
        """The same name, by another object."""
        asyncio.current_task().set_name("".join(["n", str(self.first + number)]))

    def coroutine(self, number):
        functions = self.functions[number]
        if len(functions) == 3:
            return functions[0](self, number, *functions[1:])
        node, busy, step, waits = functions

        def children(create=self.create):
            return [create(self.coroutine(child), name="n%d" % (self.first + child)) for child in self.children_of(number)]

        def begin(children):
            return step(self, waits, children) if kind(number) == "agen" else step(self, children)
        return node(self, number, busy, begin, children)

    def create(self, coro, name):
        """Up to 3.13 a factory of eager tasks gives them their names too late."""
        if self.is_eager and sys.version_info < (3, 14):
            return asyncio.Task(coro, loop=asyncio.get_running_loop(), name=name, eager_start=True)
        return asyncio.create_task(coro, name=name)

    async def main(self, seconds, how):
        loop = asyncio.get_running_loop()
        self.is_eager = how == "eager"
        if how == "kept":
            loop.set_task_factory(lambda loop, coro, **options: Kept(coro, loop=loop, **options))
        if self.is_eager:
            loop.set_task_factory(asyncio.eager_task_factory)
        self.stops = False
        loop.call_later(seconds, self.stop)
        names = {root: "n%d" % (self.first + root) for root in range(1, self.trees + 1)}
        trees = [self.create(self.coroutine(root), name) for root, name in names.items()]
        while not self.stops:
            self.most = max(self.most, len(asyncio.all_tasks()))
            await asyncio.sleep(0.5)
        for tree in trees:
            await tree

    def stop(self):
        self.stops = True


def live(forest, until, seconds):
    hows = ["plain", "kept"] + (["eager"] if sys.version_info >= (3, 12) else [])
    for how in itertools.cycle(hows):
        left = until - time.monotonic()
        if left <= 0:
            break
        asyncio.run(forest.main(min(left, seconds), how))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--loop-seconds", type=float, default=3)
    parser.add_argument("--tasks", type=int, default=3000, help="of both loops together")
    parser.add_argument("--describe", action="store_true", help="tells the forest, and ends")
    options = parser.parse_args()
    each = options.tasks // LOOPS
    if options.describe:
        print(json.dumps({"version": sys.version_info[:2], "each": each, "loops": LOOPS, "trees": TREES}))
        return
    forests = [Forest(i * each, each, i) for i in range(LOOPS)]
    threads = [threading.Thread(target=live, args=(forest, time.monotonic() + options.seconds, options.loop_seconds))
               for forest in forests]
    print("ready", flush=True)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("most", *(forest.most for forest in forests), flush=True)


if __name__ == "__main__":
    main()
