# SPDX-License-Identifier: Apache-2.0
"""Why a thread does not run, as podflame dump says it: of threads of which that is known."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

import freezers
from interpreters import BARE_BOOKWORM, IN_IMAGES, ON_HOST, Case
from program import MARGIN_SECONDS, eventually, podflame

HOST = Case(ON_HOST[0], "host")
# One of each kind of GIL: none that is known (2.7), in _PyRuntime (3.7 to 3.11), behind a pointer, published.
PLACES = [Case(i, "host") for i in ON_HOST if i.version in ((2, 7), (3, 7), (3, 8), (3, 9), (3, 10), (3, 12), (3, 13))]
IMAGES = [Case(i, "bare") for i in IN_IMAGES if i.suite in ("bullseye", "trixie", "forky")]
CASES = [HOST, BARE_BOOKWORM, *PLACES, *IMAGES]

# The function that a thread is in: what it waits for.
KINDS = {
    "sleeps": "sleep", "from_peer": "io", "accepts": "io", "from_pipe": "io", "selects": "sleep", "wants_lock": "lock",
    "wants_event": "lock", "wants_item": "lock", "for_child": "child",
}


def dump(pid, wrap=()):
    done = podflame("dump", "--json", "-p", pid, wrap=wrap)
    assert done.returncode == 0, done.stderr
    [process] = json.loads(done.stdout)
    return process["threads"], done.stderr


def reasons(threads):
    """{function of the target: reason}."""
    return {frame["function"].rpartition(".")[2]: thread["reason"] for thread in threads
            for frame in thread["frames"] if frame["file"].endswith("waits.py") and frame["function"] != "<module>"}


def has_known_gil(case):
    return case.interpreter.version >= (3, 7)


def expected(case, function):
    if function == "wants_event" and case.interpreter.version < (3, 2):
        return "sleep"  # a wait with a timeout is a loop of naps (threading.Condition)
    return "unknown" if KINDS[function] == "lock" and not has_known_gil(case) else KINDS[function]


def settled(target, case):
    """The reasons, once all threads wait: where CPUs are crowded that takes a while."""
    last = {}

    def is_settled():
        last.update(reasons(dump(target.pid)[0]))
        return all(last[function]["kind"] == expected(case, function) for function in KINDS)

    eventually(is_settled, 20, lambda: last)
    return last


LOCK = re.compile(r"waits: lock( at 0x[0-9a-f]+)?")

TWO_LOCKS = """
import threading, time
a, b = threading.Lock(), threading.Lock()
a.acquire(), b.acquire()
def first_of_a(): a.acquire()
def second_of_a(): a.acquire()
def of_b(): b.acquire()
for f in (first_of_a, second_of_a, of_b):
    threading.Thread(target=f, daemon=True).start()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("case", [case for case in CASES if has_known_gil(case) and case.kind == "host"], ids=str)
def test_which_lock(case, tmp_path):
    """Threads that want the same lock wait at the same address."""
    with subprocess.Popen([*case.interpreter.command, "-c", TWO_LOCKS], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            found = {}

            def is_settled():
                found.update({frame["function"]: thread["reason"] for thread in dump(process.pid)[0]
                              for frame in thread["frames"] if "of_" in frame["function"]})
                return len(found) == 3 and all(reason["kind"] == "lock" for reason in found.values())

            eventually(is_settled, MARGIN_SECONDS, lambda: found)
        finally:
            process.kill()
    locks = [found[name].get("lock") for name in ("first_of_a", "second_of_a", "of_b")]
    if case.interpreter.version == (3, 13) and locks == [None] * 3:
        return
    assert locks[0] == locks[1] != locks[2] and all(locks), locks
    assert found["of_b"]["text"] == "waits: lock at " + locks[2]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_each_thread_waits_for(start, case):
    target = start(case, "waits.py")
    seen = settled(target, case)
    peer, accepting = seen["from_peer"], seen["accepts"]
    assert peer["address"] == accepting["address"] == "127.0.0.1"
    assert peer["port"] == accepting["port"] > 0
    assert peer["text"] == "waits: socket 127.0.0.1:%d" % peer["port"]
    assert accepting["text"] == "waits for work: listening socket 127.0.0.1:%d" % peer["port"]
    assert peer["fd"] > accepting["fd"] > 2 and peer["source"] == "call"
    assert seen["from_pipe"]["text"] == "waits: pipe"
    assert seen["sleeps"]["text"] == "sleeps" and seen["for_child"]["text"] == "waits: child"
    if has_known_gil(case):
        assert LOCK.fullmatch(seen["wants_lock"]["text"]) and not seen["wants_lock"]["timeout"]
        if case.interpreter.version != (3, 13):  # within 3.13 it has changed
            assert ("lock" in seen["wants_lock"]) == (case.interpreter.version < (3, 13)), "later: each at its own stack"
        assert seen["wants_event"]["text"] == "waits: event, with a timeout" and seen["wants_event"]["timeout"]
    else:
        assert seen["wants_lock"]["text"] == "waits: lock or GIL"


def test_text_says_it_beside_the_state(start):
    target = start(HOST, "waits.py")
    port = settled(target, HOST)["from_peer"]["port"]
    text = podflame("dump", "-p", target.pid).stdout
    for reason in ("sleeps", "waits: socket 127.0.0.1:%d" % port, LOCK.pattern, "waits: child", "waits: pipe"):
        assert re.search(r"\(sleeping, %s\)\n" % reason, text), text
    assert "    from_peer (" in text.partition("waits: socket")[2].partition("Thread ")[0], "the stack is that thread's"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_threads_that_fight_for_the_gil(start, case):
    """Each of four threads waits for the GIL most of the time. No other reason is ever given."""
    target = start(case, "waits.py", 0, 4)
    kinds = []
    for _ in range(25):
        for thread in dump(target.pid)[0]:
            functions = [frame["function"] for frame in thread["frames"] or []]
            if "fight" in functions:
                kinds.append(thread["reason"]["kind"])
            for function in KINDS:
                if function in functions:  # it may be on its way into the wait, or out of a nap
                    allowed = {expected(case, function), "gil", "cpu", "running", "unknown"}
                    assert thread["reason"]["kind"] in allowed, (function, thread["reason"])
    assert len(kinds) > 50
    if has_known_gil(case):
        assert set(kinds) <= {"gil", "cpu", "running", "unknown"}, kinds
        assert kinds.count("gil") > len(kinds) / 10, kinds
        assert kinds.count("unknown") < len(kinds) / 5, kinds
    else:
        assert set(kinds) <= {"cpu", "running", "unknown"}, kinds


REFUSED = 'for f in syscall wchan; do mount --bind "$1" /proc/$2/task/$2/$f || exit; done; shift 2; exec "$@"'


def test_says_that_the_system_call_is_refused(start, tmp_path):
    """As it is to one without CAP_SYS_PTRACE. wchan would tell most of it."""
    target = start(HOST, "sleeper.py")
    empty = pathlib.Path(tmp_path, "empty")
    empty.touch()
    [thread], stderr = dump(target.pid, ["unshare", "-m", "sh", "-c", REFUSED, "sh", str(empty), str(target.pid)])
    assert thread["state"] == "sleeping" and thread["frames"]
    assert thread["reason"]["kind"] == "unknown" and thread["reason"]["source"] is None
    assert stderr.count("/syscall is refused: CAP_SYS_PTRACE is missing") == 1, stderr


@pytest.mark.parametrize("version", [1, 2])
def test_frozen(start, version):
    target = start(HOST, "sleeper.py")
    with freezers.frozen(version, target.pid):
        [thread], _ = dump(target.pid)
    assert thread["reason"]["kind"] == "frozen" and thread["reason"]["text"] is None


def test_stopped(start):
    target = start(HOST, "sleeper.py")
    os.kill(target.pid, signal.SIGSTOP)
    eventually(lambda: target.state() == "T", 10, "it has stopped")
    [thread], _ = dump(target.pid)
    assert thread["reason"]["kind"] == "stopped" and thread["reason"]["text"] is None
