# SPDX-License-Identifier: Apache-2.0
"""podflame dump: every thread's stack, now."""

import json

import pytest

import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, EVERYWHERE
from program import podflame
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
