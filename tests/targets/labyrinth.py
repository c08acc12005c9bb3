# SPDX-License-Identifier: Apache-2.0
"""Every way into a Python function and out of it, on ten floors; each step is on record.

Truth: floor N's code is compiled as floorNN.py from FLOOR below, and a line that calls
something says so: "# -> +plain +keyword" calls one of the next floor's functions, "=helper"
one of the same floor, "=<lambda>" a lambda on that very line. Nothing else calls anything, and
whatever calls takes one line. So whether a caller's line can have led to a callee is a
table (tests/e2e/steps.py makes it of this file), and a frame that is missing, has
returned or belongs to another stack breaks it: floors would be skipped or met twice.
A stack begins with <module>, main, or with a thread's worker.

labyrinth.py [SECONDS [THREADS]]: so many threads at a time walk too, each for some ms.
"""
import gc
import random
import sys
import threading
import time

import target

try:
    from _thread import start_new_thread
except ImportError:  # Python 2
    from thread import start_new_thread

FLOORS = 10

# What a function of a floor does with BITS: takes the next step by them. No function is recursive on its floor.
FLOOR = '''
def plain(bits):
    return (next_keyword if bits & 1 else next_sort)(bits=bits >> 1)  # -> +keyword +sort

def keyword(bits, unused=None, **more):
    return (next_star if bits & 1 else next_generator)(*(bits >> 1,))  # -> +star +generator

def star(*arguments):
    bits, = arguments
    return (next_mapping if bits & 1 else next_method)(bits >> 1)  # -> +mapping +method

def sort(bits):
    rows = [3, 1, 2]
    rows.sort(key=lambda row: (next_plain(bits >> 1) if row == 3 else leaf(row)) is None)  # -> =<lambda> +plain =leaf
    return sorted(rows, key=leaf if bits & 1 else small)  # -> =leaf =small

def mapping(bits):
    for _ in map(lambda row: next_raising(bits >> 1) if row else leaf(row), (0, 1)):  # -> =<lambda> +raising =leaf
        pass
    return list(filter(leaf, (1, 2)))  # -> =leaf

def generator(bits):
    for row in numbers(bits >> 1):  # -> =numbers
        leaf(row)  # -> =leaf
    if bits & 1:
        return sum(numbers(bits >> 3))  # -> =numbers
    return drained(bits >> 3)  # -> =drained

def drained(bits):
    steps = pulling(bits)  # -> =pulling
    next(steps)  # -> =pulling
    try:
        while True:
            steps.send(1)  # -> =pulling
    except StopIteration:
        return 1

def pulling(bits):
    got = yield 1
    yield (next_attribute if bits & 1 else next_caught)(bits >> 1)  # -> +attribute +caught
    yield leaf(got)  # -> =leaf

def numbers(bits):
    yield 1
    yield 1 if bits & 7 else next_caught(bits >> 3) is not None  # -> +caught
    small(bits)  # -> =small
    yield 2

def method(bits):
    thing = Thing(bits)  # -> =__init__
    return thing.walk(bits >> 1) if bits & 1 else thing(bits >> 1)  # -> =walk =__call__

def attribute(bits):
    thing = Thing(bits)  # -> =__init__
    leaf(thing.missing)  # -> =__getattr__ =leaf
    thing.shown  # -> =shown
    return next_decorated(bits >> 1) if bits & 1 else next_compare(bits=bits >> 1)  # -> +decorated +compare

def raising(bits):
    try:
        unwinding(bits)  # -> =unwinding
    except KeyError:
        return (next_dying if bits & 1 else next_plain)(bits >> 1)  # -> +dying +plain

def unwinding(bits):
    list(map(failing, (bits,)))  # -> =failing

def failing(bits):
    try:
        raise KeyError(bits)
    finally:
        small(bits)  # -> =small

def caught(bits):
    with Guard():  # -> =__enter__ =__exit__
        failing(bits)  # -> =failing =__exit__
    for _ in broken(bits):  # -> =broken
        pass
    return (next_dying if bits & 1 else next_recursion)(bits >> 1)  # -> +dying +recursion

def broken(bits):
    try:
        yield bits
        failing(bits)  # -> =failing
    except KeyError:
        yield small(bits)  # -> =small

def dying(bits):
    mortal = Mortal()
    del mortal  # -> =__del__
    leaves_one(bits)  # -> =leaves_one =__del__
    steps = pulling(bits)  # -> =pulling
    next(steps)  # -> =pulling
    del steps  # -> =pulling
    return next_compare(bits >> 1) if bits & 1 else next_frames(bits >> 1)  # -> +compare +frames

def leaves_one(bits):
    mortal = Mortal()
    return None if mortal else bits  # -> =__del__

def compare(bits):
    things = [Thing(row) for row in (2, 1)]  # -> =<listcomp> =__init__
    things.sort()  # -> =__lt__
    {things[0]: 1}.get(things[1])  # -> =__hash__ =__eq__
    return min(things, key=lambda thing: next_method(bits >> 1) is None if thing.bits == 1 else 2)  # -> =<lambda> +method

@wraps
def decorated(bits):
    return (next_star if bits & 1 else next_recursion)(bits >> 1)  # -> +star +recursion

def recursion(bits):
    return sorted((2, 1), key=lambda row: deeper(row, bits) is None)  # -> =<lambda> =deeper

def deeper(row, bits):
    return sorted((1, 2), key=lambda row: deepest(row, bits) is None) if row == 1 else 0  # -> =<lambda> =deepest

def deepest(row, bits):
    return next_frames(bits >> 1) is None if row == 1 else leaf(row)  # -> +frames =leaf

def frames(bits):
    here = sys._getframe()
    back = here.f_back.f_code
    here = back = None
    return (next_coroutine if bits & 1 else next_plain)(bits >> 1)  # -> +coroutine +plain

def leaf(row):
    return row

def small(row):
    x = row & 1
    for _ in (1, 2, 3):
        x = x * 5 + 1 & 1023
    return x

class Thing(object):
    def __init__(self, bits):
        self.bits = bits
    def __call__(self, bits):
        return next_generator(bits)  # -> +generator
    def __getattr__(self, name):
        return 1
    def __lt__(self, other):
        return self.bits < other.bits
    def __hash__(self):
        return 1
    def __eq__(self, other):
        return small(1) == 0  # -> =small
    @property
    def shown(self):
        return leaf(1)  # -> =leaf
    def walk(self, bits):
        return next_attribute(bits)  # -> +attribute

class Guard(object):
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return leaf(True)  # -> =leaf

class Mortal(object):
    def __del__(self):
        small(1)  # -> =small
'''

# Python 3 only.
COROUTINES = '''
def coroutine(bits):
    task = outer(bits)  # -> =outer
    try:
        while True:
            task.send(None)  # -> =outer
    except StopIteration:
        return 1

async def outer(bits):
    await Ready()  # -> =__await__
    return await inner(bits)  # -> =inner

async def inner(bits):
    await Ready()  # -> =__await__
    leaf(1)  # -> =leaf
    delegating = delegate(bits)  # -> =delegate
    return list(delegating)  # -> =delegate

def delegate(bits):
    yield from numbers(bits)  # -> =numbers
    yield (next_plain if bits & 1 else next_decorated)(bits >> 1)  # -> +plain +decorated

class Ready:
    def __await__(self):
        yield small(1)  # -> =small
'''

WITHOUT_COROUTINES = '''
def coroutine(bits):
    return (next_plain if bits & 1 else next_decorated)(bits >> 1)  # -> +plain +decorated
'''

# What a decorator makes.
WRAPPER = '''
def wraps(function):
    def wrapper(*arguments, **more):
        return function(*arguments, **more)  # -> =decorated
    return wrapper
'''

KINDS = ("plain keyword star sort mapping generator method attribute raising caught dying compare decorated "
         "recursion frames coroutine").split()


def text_of_floor(with_coroutines):
    return WRAPPER + FLOOR + (COROUTINES if with_coroutines else WITHOUT_COROUTINES)


def rest(bits=0, *arguments, **more):
    return 1


def build():
    """The functions of the first floor; below the last floor there is rest() only."""
    code = text_of_floor(sys.version_info >= (3, 5))
    following = dict((kind, rest) for kind in KINDS)
    for floor in reversed(range(FLOORS)):
        here = dict(("next_" + kind, function) for kind, function in following.items())
        here.update(sys=sys, __name__="floor%02d" % floor)
        exec(compile(code, "floor%02d.py" % floor, "exec"), here)
        following = dict((kind, here[kind]) for kind in KINDS)
        following["decorated"] = here["decorated"]
    return [following[kind] for kind in KINDS]


FIRST = build()


def walk(end):
    draw = random.Random()
    while time.time() < end:
        for _ in range(10):
            bits = draw.getrandbits(60)
            FIRST[bits & 15](bits >> 4)


def worker(free):
    walk(time.time() + 0.001 * (1 + random.getrandbits(4)))
    free.release()


def main():
    gc.disable()  # or __del__ is called by whoever allocates
    running = target.start()
    free = threading.Semaphore(target.argument(2, 0))
    while running():
        while free.acquire(False):
            start_new_thread(worker, (free,))
        walk(time.time() + 0.02)


main()
