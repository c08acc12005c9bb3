# SPDX-License-Identifier: Apache-2.0
"""podflame dump: every thread's stack, now."""

import json
import os
import re
import signal
import subprocess

import pytest

import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, EVERYWHERE, ON_HOST, Case
from program import eventually, podflame
from testbed import PROJECT

NAP = ["<module>", "main", "nap"]
SOURCE = (PROJECT / "tests/targets/sleeper.py").read_text().splitlines()
LINES = [SOURCE.index(text) + 1 for text in ("main()", "    nap(seconds or 1000000)", "    time.sleep(seconds)")]


def dump(*arguments):
    done = podflame("dump", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dump_json(*arguments):
    return json.loads(dump(*arguments, "--json"))


def path(thread):
    """The functions of a thread, root first."""
    return truth.names([truth.Frame(f["function"], f["file"], f["line"]) for f in reversed(thread["frames"])])


@pytest.mark.parametrize("case", EVERYWHERE, ids=str)
def test_stack_of_a_sleeper(start, case):
    target = start(case, "sleeper.py")
    process = dump_json("-p", target.pid)[0]
    assert process["pid"] == target.pid
    assert process["python"].startswith("%d.%d" % case.interpreter.version)
    [thread] = process["threads"]
    assert path(thread) == NAP
    assert [frame["line"] for frame in reversed(thread["frames"])][-3:] == LINES
    assert thread["frames"][0]["file"].endswith("sleeper.py")
    assert thread["tid"] == target.pid


@pytest.mark.parametrize("case", [BOOKWORM, BARE_BOOKWORM], ids=str)
def test_all_threads_with_names(start, case):
    target = start(case, "threads.py", 0, 2, 2)
    threads = dump_json("-p", target.pid)[0]["threads"]
    places = {thread["name"]: path(thread) for thread in threads}
    assert len(threads) == 5
    for name, place in places.items():
        expected = {"busy": "spin", "idle": "rest"}.get(name.partition("-")[0], "wait")
        assert expected in place, (name, place)
    assert {"busy-0", "busy-1", "idle-0", "idle-1"} < set(places)


def test_text_shows_the_same(start):
    target = start(BOOKWORM, "sleeper.py")
    text = dump("-c", target.name)
    assert str(target.pid) in text and "3.11" in text and target.name in text
    rows = [row for row in text.splitlines() if "sleeper.py:" in row]
    for row, name, line in zip(rows, reversed(NAP), reversed(LINES)):
        assert name in row and "sleeper.py:%d" % line in row, text
    assert len(rows) == len(NAP)


# ---- many threads, many processes -----------------------------------------------------------


HOST = Case(ON_HOST[0], "host")


def test_threads_that_are_alike_stand_together(start):
    target = start(HOST, "threads.py", 0, 0, 20)
    text = dump("-p", target.pid)
    together = re.search(r"\n(\d+) threads \(sleeping, .*\): (.*)\n((?:    .*\n)+)", text)
    names = re.findall(r'\d+ "(idle-\d+)"', together[2])
    assert int(together[1]) == 20 and len(names) == 12 and together[2].endswith(" and 8 more"), text
    assert "rest (" in together[3]
    apart = dump("-p", target.pid, "--all")
    assert len(re.findall(r'\nThread \d+ "idle-\d+" \(sleeping, ', apart)) == 20 and " threads (" not in apart
    assert len(dump_json("-p", target.pid)[0]["threads"]) == len(re.findall(r"\nThread ", apart))


FORKS = "import os, time\n[os.fork() or time.sleep(1000) for _ in range(2)]\nprint('ready', flush=True)\ntime.sleep(1000)"


@pytest.mark.parametrize("wrapped", [False, True], ids=["python", "shell"])
def test_children_of_a_process(wrapped):
    """Also of a wrapper, which is no Python itself."""
    command = [*HOST.interpreter.command, "-c", FORKS]
    if wrapped:
        command = ["/bin/sh", "-c", '"$@"; exit', "sh", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            eventually(lambda: len(dump_json("-p", process.pid, "-s")) == 3, 10, "all are there")
            text = dump("-p", process.pid, "-s")
            assert len(re.findall("^Process ", text, re.MULTILINE)) == 3
            done = podflame("dump", "-p", process.pid)
            assert done.returncode == int(wrapped) and done.stdout.count("Process ") == 1 - int(wrapped)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_neither_it_nor_its_children_are_python():
    with subprocess.Popen(["/bin/sh", "-c", "sleep 100; exit"], start_new_session=True) as process:
        try:
            done = podflame("dump", "-p", process.pid, "-s")
            assert done.returncode == 1 and "neither the processes nor their children are CPython" in done.stderr
        finally:
            os.killpg(process.pid, signal.SIGKILL)
