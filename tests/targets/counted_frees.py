# SPDX-License-Identifier: Apache-2.0
"""Frees code objects in all ways that there are, and lets the kernel count the calls of the function that frees them.

Prints how many were freed (weak references tell), and how many calls were counted.
"""
import ctypes
import marshal
import struct
import types
import weakref

SYS_PERF_EVENT_OPEN = 298  # x86-64
PERF_TYPE_BREAKPOINT, HW_BREAKPOINT_X = 5, 4
INHERIT, EXCLUDE_KERNEL, EXCLUDE_HV = 1 << 1, 1 << 5, 1 << 6
TP_DEALLOC = 48

MODULE = """
import functools
def function(x):
    def inner():
        return x
    return [y for y in inner() or [1, 2]], {z: 1 for z in (1, 2)}, (lambda: x)()
class Class(object):
    def method(self):
        return 1
    @functools.wraps(method)
    def other(self):
        return (yield 2)
async def coroutine():
    return 3
"""

freed = 0
watched = {}


def note(reference):
    global freed
    freed += 1
    del watched[id(reference)]


def watch_alone(code):
    reference = weakref.ref(code, note)
    watched[id(reference)] = reference
    return code


def watch(code):
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            watch(constant)
    return watch_alone(code)


def compiled(n):
    return watch(compile(MODULE, "made_%d.py" % n, "exec"))


def in_ways(n):
    names = {}
    exec(compiled(n), names)
    names["function"]([1])
    names["Class"]().method()
    list(names["Class"]().other())
    names["coroutine"]().close()
    watch(marshal.loads(marshal.dumps(compiled(n))))
    last = [watch(compile("x = 1", "last_%d.py" % n, "exec"))]
    types.FunctionType(last.pop(), {})()
    eval(watch(compile("1 + 1", "eval_%d.py" % n, "eval")))
    pending = names["Class"]().other()
    next(pending)
    names.clear()
    del pending
    if hasattr(types.CodeType, "replace"):
        watch_alone(compiled(n).replace(co_name="replaced"))


def count_calls(function):
    attributes = struct.pack("<IIQQQQQIIQQ", PERF_TYPE_BREAKPOINT, 112, 0, 0, 0, 0, INHERIT | EXCLUDE_KERNEL | EXCLUDE_HV,
                             0, HW_BREAKPOINT_X, function, 8).ljust(112, b"\0")
    return ctypes.CDLL(None, use_errno=True).syscall(SYS_PERF_EVENT_OPEN, attributes, 0, -1, -1, 0)


def main():
    function = ctypes.c_uint64.from_address(id(types.CodeType) + TP_DEALLOC).value
    in_ways(0)
    events = count_calls(function)
    if events < 0:
        print("refused: errno %d" % ctypes.get_errno())
        return
    global freed
    freed = 0
    before = len(watched)
    for n in range(100):
        in_ways(n)
    with open(events, "rb", buffering=0) as count:
        counted, = struct.unpack("<Q", count.read(8))
    print("freed %d left %d counted %d" % (freed, len(watched) - before, counted))


if __name__ == "__main__":
    main()
