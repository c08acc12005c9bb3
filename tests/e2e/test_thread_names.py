# SPDX-License-Identifier: Apache-2.0
"""The names of threads are those of threading, in every version and format; what has none there has the kernel's.

In the targets each thread is in a function that tells which thread it is.
"""

import gzip
import json
import re
import sys

import pytest

import otlp
from collector import agent
from interpreters import IN_IMAGES, ON_HOST, Case
from program import eventually, podflame, record
from receiver import Receiver
from testbed import PROJECT

sys.path.insert(0, str(PROJECT / "tests/targets"))
import named_threads  # noqa: E402

HOST = Case(ON_HOST[0], "host")
EACH = [Case(i, "host") for i in ON_HOST] + [Case(i, "docker") for i in IN_IMAGES if i.version >= (3, 13)]
NAMES = named_threads.NAMES
# JSON has the true names: only what UTF-8 cannot hold is an escape there.
IN_JSON = dict(NAMES, steering="a\x1b[0m\x07b")


def dump(target):
    done = podflame("dump", "--json", "-p", target.pid)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]["threads"]


def functions(thread):
    return [frame["function"].rpartition(".")[2] for frame in thread["frames"]]


def by_function(threads, wanted):
    return {f: thread["name"] for thread in threads for f in functions(thread) if f in wanted}


def rows(text):
    """(thread's name, functions, samples) of each line of a folded profile that tells threads apart."""
    for row in text.splitlines():
        stack, _, count = row.rpartition(" ")
        root, *frames = stack.split(";")
        yield (re.sub(r" \(tid \d+\)$", "", root), [re.sub(r" \(.*", "", f).rpartition(".")[2] for f in frames],
               int(count))


@pytest.mark.parametrize("case", EACH, ids=str)
def test_dump_has_them(start, case):
    target = start(case, "named_threads.py", 0)
    threads = dump(target)
    names = {f: name for f, name in IN_JSON.items() if f != "wide" or case.interpreter.version > (3, 0)}
    assert by_function(threads, names) == names
    [main] = [thread for thread in threads if thread["tid"] == target.pid]
    assert main["name"] == "MainThread"
    [other] = [thread for thread in threads if "of_no_thread" in functions(thread)]
    assert other["name"] == other["comm"]
    [changed] = [thread for thread in threads if "other_for_the_kernel" in functions(thread)]
    assert changed["comm"] == "kernel-says"
    text = podflame("dump", "-p", target.pid).stdout
    for function in [*names, "MainThread"]:
        assert '"%s" (' % NAMES.get(function, function) in text


@pytest.mark.parametrize("case", EACH, ids=str)
@pytest.mark.parametrize("mode", ["cpu", "wall"])
def test_record_has_them(start, case, mode):
    target = start(case, "named_threads.py", 0, int(mode == "cpu"))
    text = record("-t", "-m", mode, "-p", target.pid, "-f", "folded", seconds=2, rate=200)
    seen = {}
    for name, frames, _ in rows(text):
        for function in set(frames) & (set(NAMES) | {"of_no_thread", "main"}):
            seen.setdefault(function, set()).add(name)
    assert seen.pop("of_no_thread").isdisjoint([*NAMES.values(), "MainThread"])
    assert seen.pop("main", {"MainThread"}) == {"MainThread"}
    assert seen == {f: {name} for f, name in NAMES.items() if f != "wide" or case.interpreter.version > (3, 0)}


@pytest.mark.parametrize("kind", ["pprof", "otlp", "speedscope"])
def test_formats_have_them(start, tmp_path, kind):
    target = start(HOST, "named_threads.py", 0)
    path = tmp_path / "profile"
    record("-t", "-m", "wall", "-p", target.pid, "-f", kind, "-o", path, seconds=1, rate=50)
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode(errors="replace")
    assert all(name in text for name in ("MainThread", "named late", "other for the kernel"))
    assert "kernel-says" not in text
    if kind == "otlp":
        names = {dict(attributes)["thread.name"] for profile in otlp.profiles(json.loads(text))
                 for _, attributes, _ in profile.samples}
        assert set(NAMES.values()) | {"MainThread"} <= names


def names_sent(requests):
    return {dict(attributes).get("thread.name") for _, _, body in list(requests)
            for profile in otlp.profiles(json.loads(body)) for _, attributes, _ in profile.samples}


def test_the_agent_sends_them(start, tmp_path):
    start(HOST, "named_threads.py", 0, 1)
    options = ("--window", "1s", "--rate", 200, "--threads")
    with Receiver() as receiver, agent(tmp_path / "agent", receiver.url, *options) as pusher:
        eventually(lambda: set(NAMES.values()) <= names_sent(receiver.requests), 30,
                   lambda: "the names have come: %s %s" % (names_sent(receiver.requests), pusher.stderr))


def pool(script):
    return script("""
        import sys, time
        from concurrent.futures import ThreadPoolExecutor
        def work():
            while True:
                sum(range(1000))
        pool = ThreadPoolExecutor(3, thread_name_prefix="fetch")
        for _ in range(3):
            pool.submit(work)
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            time.sleep(1)
    """)


@pytest.mark.parametrize("case", [c for c in EACH if (3, 6) <= c.interpreter.version and c.kind == "host"], ids=str)
def test_a_pool_can_be_told_apart(start, script, case):
    target = start(case, pool(script))
    eventually(lambda: {"fetch_0", "fetch_1", "fetch_2"} <= {t["name"] for t in dump(target)}, 20, "the pool is there")
    text = record("-t", "-p", target.pid, "-f", "folded", seconds=1, rate=200)
    assert {"fetch_0", "fetch_1", "fetch_2"} <= {name for name, _, _ in rows(text)}


@pytest.mark.parametrize("case", [c for c in EACH if c.kind == "host"], ids=str)
def test_threads_that_come_and_go_have_no_other_ones_names(start, script, case):
    """Those that are gone before their names are read have the kernel's."""
    target = start(case, script("""
        import sys, threading, time
        def work():
            end = time.time() + 0.05
            while time.time() < end:
                sum(range(100))
        for i in range(10):
            exec("def short_%d():\\n    work()" % i)
        def run(i):
            thread = threading.Thread(target=globals()["short_%d" % i], name="short_%d" % i)
            thread.start()
            return thread
        i = 0
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            two = [run(i % 10), run((i + 3) % 10)]
            for thread in two:
                thread.join()
            i += 1
    """))
    text = record("-t", "-m", "wall", "-p", target.pid, "-f", "folded", seconds=5, rate=200)
    right = wrong = 0
    for name, frames, count in rows(text):
        for function in [f for f in frames if f.startswith("short_")]:
            right += count if name == function else 0
            wrong += count if name != function and (name.startswith("short_") or name == "MainThread") else 0
    assert wrong == 0, text
    assert right > 0


@pytest.mark.parametrize("case", [c for c in EACH if c.kind == "host" and c.interpreter.version in
                                  [(2, 7), (3, 8), (3, 11), (3, 13)]], ids=str)
def test_two_thousand(start, script, case):
    target = start(case, script("""
        import sys, threading, time
        threading.stack_size(65536)
        for i in range(2000):
            thread = threading.Thread(target=time.sleep, args=(1e6,), name="one of many, %d" % i)
            thread.daemon = True
            thread.start()
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            time.sleep(1)
    """))
    wanted = {"one of many, %d" % i for i in range(2000)} | {"MainThread"}
    eventually(lambda: len(dump(target)) == 2001, 60, "all have begun")
    eventually(lambda: {thread["name"] for thread in dump(target)} == wanted, 20, "all have their names")


SUBINTERPRETERS = [c for c in EACH if c.kind == "host" and c.interpreter.version in [(3, 12), (3, 13)]]


@pytest.mark.parametrize("case", SUBINTERPRETERS, ids=str)
def test_an_interpreter_has_its_own(start, script, case):
    target = start(case, script("""
        import sys, threading, time
        code = '''
        import threading, time
        def in_subinterpreter():
            time.sleep(1e6)
        thread = threading.Thread(target=in_subinterpreter, name="inner", daemon=%s)
        thread.start()
        time.sleep(1e6)
        '''
        import textwrap
        def in_thread():
            try:
                import _interpreters
                _interpreters.exec(_interpreters.create("legacy"), textwrap.dedent(code % False))
            except ImportError:
                import _xxsubinterpreters
                _xxsubinterpreters.run_string(_xxsubinterpreters.create(isolated=False), textwrap.dedent(code % False))
        threading.Thread(target=in_thread, name="outer", daemon=True).start()
        def in_main_interpreter():
            time.sleep(1e6)
        threading.Thread(target=in_main_interpreter, name="beside", daemon=True).start()
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            time.sleep(1)
    """))
    wanted = {"in_subinterpreter": "inner", "in_main_interpreter": "beside"}
    eventually(lambda: by_function(dump(target), wanted) == wanted, 20, lambda: str(dump(target)))


HOSTILE = {
    "another object": "sys.modules['threading'] = types.SimpleNamespace(_active=threading._active)",
    "another dict": "threading._active = collections.UserDict(threading._active)",
    "too many entries": "threading._active.update((-i, None) for i in range(1, 200000))",
    "a number": "worker._name = 5",
    "no name": "del worker._name",
    "an empty name": "worker._name = ''",
    "itself": "worker._name = worker",
    "another ident": "threading._active[1.5 + worker.ident] = threading._active.pop(worker.ident)",
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_is_no_name_is_not_shown(start, script, how):
    target = start(HOST, script("""
        import collections, sys, threading, time, types
        def working():
            time.sleep(1e6)
        worker = threading.Thread(target=working, name="worker", daemon=True)
        worker.start()
        %s
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            time.sleep(0.1)
    """ % HOSTILE[how]))
    eventually(lambda: by_function(dump(target), ["working"]), 20, "it works")
    eventually(lambda: by_function(dump(target), ["working"])["working"].startswith("python"), 20,
               lambda: str(by_function(dump(target), ["working"])))


def test_a_name_of_a_gigabyte_is_cut(start, script):
    target = start(HOST, script("""
        import sys, threading, time
        def working():
            time.sleep(1e6)
        threading.Thread(target=working, name="y" * (1 << 30), daemon=True).start()
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            time.sleep(0.1)
    """))
    eventually(lambda: by_function(dump(target), ["working"]).get("working") == "y" * 256 + "\u2026", 60, "it is cut")


def test_names_take_no_more_than_their_bound(start, script):
    """Each of them takes 1.5 kB; those for which there is no room have the kernel's."""
    target = start(HOST, script("""
        import sys, threading, time
        threading.stack_size(65536)
        for i in range(1000):
            threading.Thread(target=time.sleep, args=(1e6,), name="n%d-" % i + 250 * chr(0xd800), daemon=True).start()
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        while True:
            time.sleep(1)
    """))
    eventually(lambda: len(dump(target)) == 1001, 60, "all have begun")
    text = record("-t", "-m", "wall", "-p", target.pid, "-f", "folded", seconds=3, rate=20)
    named = {name for name, _, _ in rows(text) if re.match(r"n[0-9]+-", name)}
    assert 100 < len(named) <= (1 << 20) / 1500
