# SPDX-License-Identifier: Apache-2.0
"""crowds.py KIND NUMBER: a program that has more of something than anybody is prepared for."""

import ctypes
import mmap
import os
import sys
import threading
import time

STACK = 64 << 10  # of a thread


def spin():
    while True:
        sum(range(1000))


def begin(function=spin):
    print("ready", flush=True)
    function()


def threads(n):
    """Of which one runs."""
    threading.stack_size(STACK)
    wait = threading.Event()
    for i in range(n):
        threading.Thread(target=wait.wait, daemon=True, name="\x1b[2J%d" % i).start()
    begin()


def mappings(n):
    """Each other than its neighbours, of one file."""
    libc = ctypes.CDLL(None)
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    with open("/proc/self/exe", "rb") as program:
        for i in range(n):
            libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | (mmap.PROT_EXEC if i % 2 else 0), mmap.MAP_PRIVATE,
                      program.fileno(), 0)
    begin()


def interpreters(n):
    import _xxsubinterpreters
    for _ in range(n):
        _xxsubinterpreters.create()
    begin()


def made(n):
    """Functions of their own code that call what they are given."""
    scope = {}
    exec("".join("def f%d(g): g()\n" % i for i in range(n)), scope)
    return [scope["f%d" % i] for i in range(n)]


def codes(n):
    """A stack of code objects that nobody has seen before, again and again."""
    def run():
        while True:
            for i in range(0, n, 64):
                call(functions[i:i + 64])
    functions = made(n)
    begin(run)


def call(path):
    """Each calls the next; the last one takes a while."""
    if path:
        path[0](lambda: call(path[1:]))
    else:
        end = time.perf_counter() + 0.0005
        while time.perf_counter() < end:
            pass


def stacks(n):
    """Another path through 17 calls, each of one of two functions, every half a millisecond."""
    def run():
        number = 0
        while True:
            call([pair[number >> i & 1] for i, pair in enumerate(pairs)])
            number = (number + 40503) % n
    functions = made(34)
    pairs = list(zip(functions[::2], functions[1::2]))
    begin(run)


def names(n):
    """Of n characters each: of a function, its file and its thread."""
    name = "\x1b]0;<script>alert(\"1\")</script>'\x00\u202e\udc80\n;" * (n // 40)
    code = spin.__code__.replace(co_name=name, co_filename=name)
    if hasattr(code, "co_qualname"):
        code = code.replace(co_qualname=name)
    threading.Thread(target=type(spin)(code, globals()), name=name, daemon=True).start()
    begin(threading.Event().wait)


def forks(n):
    """So many a second, each of which ends at once."""
    def run():
        while True:
            if os.fork() == 0:
                os._exit(0)
            os.wait()
            time.sleep(1 / n)
    begin(run)


def execs(n):
    """So many processes that execute themselves again and again."""
    circle = "import os, sys; os.execv(sys.executable, [sys.executable, '-S', '-c', sys.argv[1], sys.argv[1]])"
    for _ in range(n):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, 9)  # it ends with this one
            os.execv(sys.executable, [sys.executable, "-S", "-c", circle, circle])
    begin()


def titles(n):
    """Its name changes, and those of its threads, so many times a second."""
    def rename():
        for i in range(1 << 62):
            with open("/proc/self/comm", "w") as comm:
                comm.write("\x1b]0;%d\x07\n" % i)
            time.sleep(1 / n)
    threading.Thread(target=rename, daemon=True).start()
    begin()


def services(n):
    """So many processes, one after the other, each of another service."""
    def run():
        for i in range(n):
            child = os.fork()
            if child == 0:
                ctypes.CDLL(None).prctl(1, 9)
                os.environ["OTEL_SERVICE_NAME"] = "service-%d-" % i + "x" * 200
                os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; end = time.time() + 0.3\n"
                                                                      "while time.time() < end: pass"])
            if i % 8 == 7:
                for _ in range(8):
                    os.wait()
        while True:
            time.sleep(1)
    begin(run)


globals()[sys.argv[1]](int(sys.argv[2]))
