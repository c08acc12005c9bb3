# SPDX-License-Identifier: Apache-2.0
"""Calls from Python to C to Python and so on, whose stacks are known exactly. For Python 2.7 and later.

    calls.py LIBRARY [--seed N] [--threads N] [--children N] [--kinds A,B,...] [--levels N] [--native] [--describe] [--seconds S]

LIBRARY is calls.c, compiled. A chain is one function for each level: `a_3` is called by `a_2` alone, in the one way that
the kind of level 2 tells. So a stack is a path in a tree (--describe prints it, and does no work), and is judged alone.
Chain `a` is of the main thread, `b` and so on of others, `z` of a child made by fork(). Functions of C begin with `c_`.
"""
from __future__ import print_function

import argparse
import ctypes
import functools
import json
import os
import random
import re
import sys
import threading
import time

USED_BY_WHAT_IS_MADE = functools, re

DEEP = 7

# Kind: its code, with the way from level {k} to level {n} that it makes; and the names on the stack between the two, of
# which those that begin with "?" may be missing. {p} is the chain's letter.
KINDS = {
    "bounce": ("def {p}_{k}(_=None):\n    lib.c_bounce(back['{p}_{n}'])\n    return ''", ["c_bounce"]),
    "twice": ("def {p}_{k}(_=None):\n    lib.c_twice(back['{p}_{n}'])\n    return ''", ["c_twice"]),
    "sort": ("def {p}_{k}(_=None):\n    lib.c_sort(back['{p}_{n}'])\n    return ''", ["c_sort", "c_compare"]),
    "deep": ("def {p}_{k}(_=None):\n    lib.c_deep(back['{p}_{n}'], DEEP)\n    return ''", ["c_deep"] * DEEP),
    "alloca": ("def {p}_{k}(_=None):\n    lib.c_alloca(back['{p}_{n}'], 700)\n    return ''", ["c_alloca"]),
    "registers": ("def {p}_{k}(_=None):\n    lib.c_registers(back['{p}_{n}'], 9)\n    return ''", ["c_registers"]),
    # One line calls one function or the other: dd-trace-py, issue 16751.
    "choice": ("def {p}_yes_{k}():\n    return True\n"
               "def {p}_{k}(_=None):\n"
               "    lib.c_first(back['{p}_{n}']) if {p}_yes_{k}() else lib.c_second(back['{p}_{n}'])\n    return ''",
               ["c_first"]),
    # memray, issue 205.
    "partial": ("def {p}_{k}(_=None):\n    functools.partial({p}_foo_{k})(); list(map({p}_bar_{k}, [None]))\n    return ''\n"
                "def {p}_foo_{k}():\n    lib.c_bounce(back['{p}_nop_{k}'])\n"
                "def {p}_nop_{k}():\n    pass\n"
                "def {p}_bar_{k}(_):\n    {p}_{n}()", ["{p}_bar_{k}"]),
    "map": ("def {p}_{k}(_=None):\n    list(map({p}_{n}, [None]))\n    return ''", []),
    "sorted": ("def {p}_{k}(_=None):\n    sorted([1], key={p}_{n})\n    return ''", []),
    "sub": ("def {p}_{k}(_=None):\n    re.sub('a', {p}_{n}, 'a')\n    return ''", []),
    "generator": ("def {p}_gen_{k}():\n    yield 1\n    {p}_{n}()\n    yield 2\n"
                  "def {p}_{k}(_=None):\n    for _ in {p}_gen_{k}():\n        pass\n    return ''", ["{p}_gen_{k}"]),
    "sum": ("def {p}_gen_{k}():\n    {p}_{n}()\n    yield 2\n"
            "def {p}_{k}(_=None):\n    sum({p}_gen_{k}())\n    return ''", ["{p}_gen_{k}"]),
    "list": ("def {p}_{k}(_=None):\n    [[{p}_{n}() for _ in (1,)] for _ in (1,)]\n    return ''",
             ["?<listcomp>", "?<listcomp>"]),
    "del": ("def {p}_del_{k}(self):\n    {p}_{n}()\n"
            "class {p}_class_{k}(object):\n    __del__ = {p}_del_{k}\n"
            "def {p}_{k}(_=None):\n    {p}_class_{k}()\n    return ''", ["{p}_del_{k}"]),
    "init": ("class {p}_class_{k}(object):\n    def __init__(self):\n        {p}_{n}()\n"
             "def {p}_{k}(_=None):\n    {p}_class_{k}()\n    return ''", ["__init__"]),
    "property": ("def {p}_get_{k}(self):\n    return {p}_{n}()\n"
                 "class {p}_class_{k}(object):\n    it = property({p}_get_{k})\n"
                 "{p}_it_{k} = {p}_class_{k}()\n"
                 "def {p}_{k}(_=None):\n    {p}_it_{k}.it\n    return ''", ["{p}_get_{k}"]),
    "add": ("def {p}_add_{k}(self, other):\n    {p}_{n}()\n    return self\n"
            "class {p}_class_{k}(object):\n    __add__ = {p}_add_{k}\n"
            "{p}_it_{k} = {p}_class_{k}()\n"
            "def {p}_{k}(_=None):\n    {p}_it_{k} + 1\n    return ''", ["{p}_add_{k}"]),
    "raise": ("def {p}_raise_{k}(_):\n    {p}_{n}()\n    raise KeyError\n"
              "def {p}_{k}(_=None):\n    try:\n        list(map({p}_raise_{k}, [None]))\n    except KeyError:\n        pass\n"
              "    return ''", ["{p}_raise_{k}"]),
    "star": ("def {p}_{k}(_=None):\n    {p}_{n}(*(), **{{}})\n    return ''", []),
}
# Begun by others than a level's own function, or a sibling of it.
FURTHER = {"choice": [["{p}_yes_{k}"]], "partial": [["{p}_foo_{k}", "c_bounce", "{p}_nop_{k}"]]}
if sys.version_info >= (3, 5):
    KINDS["await"] = ("async def {p}_co_{k}():\n    {p}_{n}()\n"
                      "async def {p}_coco_{k}():\n    await {p}_co_{k}()\n"
                      "def {p}_{k}(_=None):\n    try:\n        {p}_coco_{k}().send(None)\n    except StopIteration:\n"
                      "        pass\n    return ''", ["{p}_coco_{k}", "{p}_co_{k}"])
# Only on demand: no table tells of the C code, so it ends the C stack.
EXTRA = {
    "made": ("def {p}_{k}(_=None):\n    lib.c_made(back['{p}_{n}'])\n    return ''", ["c_made"]),
    "huge": ("def {p}_{k}(_=None):\n    lib.c_alloca(back['{p}_{n}'], 7 << 20)\n    return ''", ["c_alloca"]),
    "abyss": ("def {p}_{k}(_=None):\n    lib.c_deep(back['{p}_{n}'], 1000)\n    return ''", ["c_deep"] * 1000),
}
LEAF = "def {p}_{k}(_=None):\n    lib.c_spin(20)\n    return ''"
# Called by C. A level whose kind calls twice doubles all that is below it, so each is once in a chain.
BACK = ctypes.PYFUNCTYPE(None)
back = {}


def chain(letter, options):
    """The kinds of a chain's levels: each of them once at most, in an order of its own."""
    kinds = list(options.kinds or sorted(KINDS))
    random.Random("%d%s" % (options.seed, letter)).shuffle(kinds)
    return kinds[:options.levels]


def plant(letter, kinds):
    """The tree of what may be on the stack: {name: tree}, beginning with level 0."""
    tree = {"c_spin": {}}
    for k in reversed(range(len(kinds) + 1)):
        tree = {"%s_%d" % (letter, k): tree}
        if k == 0:
            return tree
        words = {"p": letter, "k": k - 1, "n": k}
        _, path = KINDS.get(kinds[k - 1]) or EXTRA[kinds[k - 1]]
        for name in reversed(path):
            name = name.format(**words)
            tree = dict(tree, **{name[1:]: tree}) if name[0] == "?" else {name: tree}
        for path in FURTHER.get(kinds[k - 1], []):
            side = {}
            for name in reversed(path):
                side = {name.format(**words): side}
            tree.update(side)


def build(letter, kinds):
    source = [(KINDS.get(kind) or EXTRA[kind])[0].format(p=letter, k=k, n=k + 1) for k, kind in enumerate(kinds)]
    source.append(LEAF.format(p=letter, k=len(kinds)))
    exec(compile("\n".join(source) + "\n", __file__, "exec"), globals())
    for name, value in list(globals().items()):
        if name.startswith(letter + "_") and callable(value) and name not in back:
            back[name] = BACK(value)


def run(letter, options):
    first = globals()[letter + "_0"]
    end = time.time() + options.seconds
    while time.time() < end:
        for _ in range(10):
            first()


def child(options):
    run("z", options)
    os._exit(0)


def letters(options):
    return "abdefgh"[:1 + options.threads]


def describe(options):
    """Paths begin at <module>, in threads at their first level. Children: each as the parent, and below."""
    trees = [plant(letter, chain(letter, options)) for letter in letters(options)]
    young = plant("z", chain("z", options))
    roots = {"<module>": {"main": {"run": trees[0], "child": {"run": young}}}, "c_worker": {"c_work": {"c_spin": {}}}}
    for tree in trees[1:]:
        roots.setdefault("run", {}).update(tree)
    sys.setrecursionlimit(10000)
    json.dump(roots, sys.stdout)


def main():
    global lib
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--levels", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--kinds", type=lambda text: text.split(","))
    options = parser.parse_args()
    if options.describe:
        return describe(options)
    lib = ctypes.PyDLL(options.library)
    lib.c_registers.restype = lib.c_spin.restype = ctypes.c_uint64
    lib.c_registers.argtypes = [BACK, ctypes.c_uint64]
    lib.c_spin.argtypes = [ctypes.c_uint64]
    for letter in letters(options) + "z":
        build(letter, chain(letter, options))
    if options.child and os.fork() == 0:
        child(options)
    if options.native:
        lib.c_start()
    for letter in letters(options)[1:]:
        thread = threading.Thread(target=run, args=(letter, options))
        thread.daemon = True
        thread.start()
    print("ready")
    sys.stdout.flush()
    run("a", options)


if __name__ == "__main__":
    main()
