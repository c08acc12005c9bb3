# SPDX-License-Identifier: Apache-2.0
"""Mixed stacks where C and Python interlock in odd ways, and the shares of native code."""

import importlib.util
import re
import sys

import pytest

from interpreters import on_host
from program import podflame
from skips import must_skip
from testbed import PROJECT, containers

sys.path[:0] = [str(PROJECT / "tests/oracle"), str(PROJECT / "tests/oracle/mixed")]

import judge_mixed  # noqa: E402
import record_mixed  # noqa: E402

HOST = on_host()[0]
RATE, SECONDS = 500, 3
LEAST = 40

BEGIN = """
import ctypes, sys
BACK = ctypes.PYFUNCTYPE(None)
def load(path):
    lib = ctypes.PyDLL(path)
    lib.c_spin.restype, lib.c_spin.argtypes = ctypes.c_uint64, [ctypes.c_uint64]
    return lib
lib = load(sys.argv[1])
"""

SIGNALS = """
import signal
def handler(*_):
    lib.c_bounce(handled)
def leaf():
    lib.c_spin(1000)
def work():
    lib.c_deep(called, 5)
def called_():
    lib.c_spin(20000)
    leaf()
handled, called = BACK(leaf), BACK(called_)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def main():
    while True:
        work()
print("ready", flush=True)
main()
"""


def with_handler(tree, handler):
    """A signal's handler may begin below any function of Python."""
    return {name: dict(with_handler(below, handler), **({} if name.startswith("c_") else handler))
            for name, below in tree.items()}


def deep(n, tree):
    for _ in range(n):
        tree = {"c_deep": tree}
    return tree


LEAF = {"leaf": {"c_spin": {}}}
HANDLER = with_handler({"handler": {"c_bounce": LEAF}}, {})
SIGNAL_TREE = with_handler({"<module>": {"main": {"work": deep(5, {"called_": {"c_spin": {}, **LEAF}})}}}, HANDLER)

LATER = """
import itertools, shutil, time
def leaf():
    late.c_spin(2000)
called = BACK(leaf)
def work():
    end = time.time() + 0.5
    while time.time() < end:
        late.c_twice(called)
def main():
    global late
    for i in itertools.count():
        path = "%s.%d" % (sys.argv[1], i)
        shutil.copy(sys.argv[1], path)
        late = load(path)
        work()
print("ready", flush=True)
main()
"""
LATER_TREE = {"<module>": {"main": {"work": {"c_twice": {"leaf": {"c_spin": {}}}}, "load": {}}}}

INTERPRETERS = """
import _xxsubinterpreters as interpreters
inner = interpreters.create()
begin = '''
def inner_leaf():
    sum(range(2000))
def inner_work():
    list(map(lambda _: inner_leaf(), range(100)))
'''
interpreters.run_string(inner, begin)
def leaf():
    lib.c_spin(5000)
    interpreters.run_string(inner, "inner_work()")
called = BACK(leaf)
def main():
    while True:
        lib.c_bounce(called)
print("ready", flush=True)
main()
"""
# What the outer interpreter runs meanwhile is not known.
INTERPRETERS_TREE = {"<module>": {"main": {"c_bounce": {"leaf": {"c_spin": {}}}},
                                  "inner_work": {"<lambda>": {"inner_leaf": {}}}}}

GREENLETS = """
import greenlet
def leaf():
    lib.c_spin(500)
    greenlet.getcurrent().parent.switch()
called = BACK(leaf)
def inside():
    while True:
        lib.c_bounce(called)
def main():
    others = [greenlet.greenlet(inside) for _ in range(3)]
    while True:
        for other in others:
            other.switch()
        lib.c_spin(500)
print("ready", flush=True)
main()
"""
# The mark between main and inside has no file, and is not judged.
GREENLETS_TREE = {"<module>": {"main": {"c_spin": {}, "inside": {"c_bounce": {"leaf": {"c_spin": {}}}}}}}


def judged(tmp_path, text, tree):
    """The verdict on a recording of @text, and its folded stacks."""
    library = record_mixed.compiled(tmp_path)
    program = tmp_path / "program.py"
    program.write_text(BEGIN + text)
    with containers.Host([*HOST.command, str(program), str(library)], tmp_path) as target:
        done = podflame("record", "--native", "-v", "-p", target.pid, "-d", SECONDS, "-r", RATE)
    assert done.returncode == 0, done.stderr
    files = ["program.py", "<string>", "calls.so", *set(re.findall(r"calls\.so\.\d+", done.stdout))]
    # Between two interpreters there is a moment that belongs to none.
    known = "".join(row + "\n" for row in done.stdout.splitlines() if not row.startswith("(no Python frame)"))
    verdict = judge_mixed.judge(known, tree, files, done.stderr)
    assert verdict.wrong == 0, "\n".join([verdict.said, *verdict.examples])
    assert verdict.samples > LEAST, verdict.said
    return verdict, done.stdout


def test_handlers_of_signals_interrupt_calls(tmp_path):
    verdict, text = judged(tmp_path, SIGNALS, SIGNAL_TREE)
    assert verdict.samples - verdict.alone > verdict.samples / 4, verdict.said
    assert "handler" in text


def test_libraries_that_are_loaded_meanwhile(tmp_path):
    verdict, text = judged(tmp_path, LATER, LATER_TREE)
    assert re.search(r"c_twice \([^)]*calls\.so\.\d+", text), verdict.said


@pytest.mark.skipif(not importlib.util.find_spec("_xxsubinterpreters"), reason="this Python has no _xxsubinterpreters")
def test_interpreters_within_interpreters(tmp_path):
    _, text = judged(tmp_path, INTERPRETERS, INTERPRETERS_TREE)
    assert "inner_leaf" in text


def test_greenlets(tmp_path):
    if not importlib.util.find_spec("greenlet"):
        must_skip("python3-greenlet is missing")
    judged(tmp_path, GREENLETS, GREENLETS_TREE)
