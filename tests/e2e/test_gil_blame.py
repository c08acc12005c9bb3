# SPDX-License-Identifier: Apache-2.0
"""podflame gil: who holds the GIL while others want it, of threads of which that is known."""

import json
import pathlib
import re
import time

import pytest

from interpreters import BARE_BOOKWORM, BOOKWORM, IN_IMAGES, ON_HOST, Case, free_threaded
from program import podflame
from skips import must_skip
from testbed import Unavailable

HOST = Case(ON_HOST[0], "host")
PLACES = [Case(i, "host") for i in ON_HOST if i.version in ((3, 7), (3, 8), (3, 9), (3, 10), (3, 12), (3, 13))]
IMAGES = [Case(i, "docker") for i in IN_IMAGES if i.suite in ("bullseye", "trixie", "forky")]
CASES = [HOST, BOOKWORM, BARE_BOOKWORM, *PLACES, *IMAGES]
# The first is of 3.12, where each of them has a thread state from its birth on.
OWN_GILS = [Case(i, "host") for i in ON_HOST if i.version in ((3, 12), (3, 13))]
UNTOLD = [Case(i, "host") for i in ON_HOST if i.version in ((2, 7), (3, 6))]

SECONDS = 4
RATE = 250


class Report:
    def __init__(self, *arguments, seconds=SECONDS, rate=RATE):
        done = podflame("gil", "--json", "-d", seconds, "-r", rate, *arguments)
        assert done.returncode == 0, done.stderr
        self.stderr = done.stderr
        self.all = json.loads(done.stdout)
        self.functions = {row["function"].rpartition(".")[2]: row for row in self.all["functions"]}

    def seconds(self, key):
        return self.all[key] / 1e9

    def of(self, function, key):
        return self.functions.get(function, {}).get(key, 0) / 1e9

    def shares(self):
        """{TID: {what it does: share}}"""
        found = {}
        for row in self.all["threads"]:
            doings = {key[:-3]: value for key, value in row.items() if key.endswith("_ns")}
            found[row["tid"]] = {key: value / sum(doings.values()) for key, value in doings.items()}
        return found

    def tids(self, name):
        return [row["tid"] for row in self.all["threads"] if row["name"] == name]


class Scheduled:
    """Of each thread, the share of the time for which it had a CPU, and for which it wanted one, as the kernel says."""

    def __init__(self, pid):
        self.pid = pid

    def read(self):
        times = {}
        for file in pathlib.Path("/proc/%d/task" % self.pid).glob("*/schedstat"):
            cpu, wait, _ = file.read_text().split()
            times[int(file.parent.name)] = (int(cpu) / 1e9, int(wait) / 1e9)
        return time.monotonic(), times

    def __enter__(self):
        self.begin, self.before = self.read()
        return self

    def __exit__(self, *_):
        end, after = self.read()
        self.cpu = {tid: (after[tid][0] - self.before[tid][0]) / (end - self.begin) for tid in after}
        self.wait = {tid: (after[tid][1] - self.before[tid][1]) / (end - self.begin) for tid in after}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_who_keeps_others_from_running(start, case):
    target = start(case, "gil_blame.py", 0, 3)
    with Scheduled(target.pid) as kernel:
        report = Report("-p", target.pid)
    seconds, shares = report.seconds("elapsed_ns"), report.shares()
    assert report.seconds("gil_ns") == pytest.approx(seconds, rel=0.1)
    assert report.seconds("waited_for_unknown_ns") < 0.02 * report.seconds("waited_ns"), report.all
    assert report.seconds("threads_unknown_ns") < 0.02 * report.seconds("threads_ns"), report.all

    # Who has a CPU holds the GIL, and who wants none waits for it. A thread that wants a CPU does one or the other.
    hog, wants = report.tids("hog"), report.tids("wants")
    assert len(hog) == 1 and len(wants) == 3
    for tid in hog + wants:
        seen = (tid, shares, kernel.cpu, kernel.wait)
        asleep = 1 - kernel.cpu[tid] - kernel.wait[tid]
        assert asleep - 0.05 <= shares[tid]["waiting"] <= asleep + kernel.wait[tid] + 0.05, seen
        assert shares[tid]["holding"] <= kernel.cpu[tid] + kernel.wait[tid] + 0.05, seen
        assert shares[tid]["idle"] < 0.02, seen
    assert shares[hog[0]]["holding"] >= kernel.cpu[hog[0]] - 0.05, (shares, kernel.cpu)
    assert all(shares[tid]["waiting"] < 0.02 and shares[tid]["idle"] > 0.9 for tid in report.tids("naps")), shares

    # While it is held by one, three wait, but for the moments in which one of them is runnable.
    held = report.of("big", "held_ns") + report.of("small", "held_ns")
    blame = report.of("big", "waited_ns") + report.of("small", "waited_ns")
    runnable = sum(shares[tid]["running"] for tid in wants) * seconds
    main = sum(shares[tid]["waiting"] for tid in set(shares) - set(hog + wants)) * seconds
    assert 3 * held - runnable - 0.05 * seconds <= blame <= 3 * held + main, report.all
    assert report.of("wants", "waited_ns") <= 3 * report.of("wants", "held_ns") + main
    # 4, of some 25 calls of each, which a crowded machine interrupts.
    assert 2 < report.of("big", "waited_ns") / report.of("small", "waited_ns") < 9, report.all


def test_blame_is_all_of_the_waiting(start):
    """What functions are blamed for, and what nobody is blamed for, is the time for which threads have waited."""
    target = start(HOST, "gil_blame.py", 0, 3)
    report = Report("-p", target.pid)
    blamed = sum(row["waited_ns"] for row in report.all["functions"])
    nobody = report.all["waited_for_nobody_ns"] + report.all["waited_for_unknown_ns"]
    waited = sum(row["waiting_ns"] for row in report.all["threads"])
    assert blamed + nobody == pytest.approx(waited, rel=0.01)
    assert report.all["waited_ns"] == pytest.approx(waited, rel=0.01)


@pytest.mark.parametrize("case", [HOST, *PLACES], ids=str)
def test_nobody_waits_where_one_thread_works(start, case):
    report = Report("-p", start(case, "split.py").pid, seconds=2)
    assert report.all["waited_ns"] == report.all["wanted_ns"] == 0
    assert report.seconds("held_ns") > 0.5


@pytest.mark.parametrize("case", OWN_GILS, ids=str)
def test_interpreters_with_gils_of_their_own(start, case):
    """Each of two threads works under its own GIL: neither waits. The main interpreter's is held by nobody."""
    report = Report("-p", start(case, "interpreters.py", "own", "threads").pid, seconds=3)
    assert report.seconds("waited_ns") < 0.01 * report.seconds("threads_ns"), report.all
    assert report.seconds("gil_ns") == pytest.approx(3 * report.seconds("elapsed_ns"), rel=0.1)
    held = report.of("first", "held_ns"), report.of("second", "held_ns")
    if case.interpreter.version >= (3, 13):
        assert min(held) > 0.5
    else:  # which thread is in an interpreter cannot be told
        assert report.all["held_ns"] == 0


@pytest.mark.parametrize("case", OWN_GILS, ids=str)
def test_interpreters_that_share_a_gil(start, case):
    report = Report("-p", start(case, "interpreters.py", "shared", "threads").pid, seconds=3)
    assert report.seconds("gil_ns") == pytest.approx(report.seconds("elapsed_ns"), rel=0.1)
    assert report.seconds("waited_ns") > 1
    if case.interpreter.version >= (3, 13):
        assert report.of("first", "waited_ns") > 0.3 and report.of("second", "waited_ns") > 0.3, report.all
    else:
        assert report.of("threads", "waited_ns") < 0.1
        assert report.seconds("waited_for_unknown_ns") > 0.7 * report.seconds("waited_ns")


@pytest.mark.parametrize("case", OWN_GILS, ids=str)
def test_thread_that_takes_turns_in_two_interpreters(start, case):
    report = Report("-p", start(case, "interpreters.py", "own", "turns").pid, seconds=3)
    assert report.all["waited_ns"] == 0
    outer, inner = report.of("outer", "held_ns"), report.of("inner", "held_ns")
    if case.interpreter.version >= (3, 13):
        assert inner / outer == pytest.approx(3, rel=0.25), report.all
    else:
        assert outer > 0.2 and inner == 0


@pytest.mark.parametrize("case", OWN_GILS[:1], ids=str)
def test_more_gils_than_are_told_apart(start, case):
    """The main interpreter's GIL is the last of 21, and 16 are told apart: there is no holder, and no blame."""
    report = Report("-p", start(case, "interpreters.py", "own", "many").pid, seconds=2)
    assert report.all["functions"] == [] and report.all["waited_ns"] == 0
    assert all(share["running"] == share["holding"] == 0 for share in report.shares().values()), report.all
    assert report.seconds("gil_ns") == pytest.approx(16 * report.seconds("elapsed_ns"), rel=0.1)


@pytest.mark.parametrize("case", UNTOLD, ids=str)
def test_where_waiting_cannot_be_told(start, case):
    target = start(case, "gil_blame.py", 0, 2)
    done = podflame("gil", "-d", 2, "-p", target.pid)
    assert done.returncode == 0, done.stderr
    assert "Who waits for the GIL cannot be told of this Python" in done.stdout and "threads waited" not in done.stdout
    report = Report("-p", target.pid, seconds=2)
    assert report.all["waiters_untold_ns"] == report.all["gil_ns"] > 0
    assert report.all["waited_ns"] == report.all["wanted_ns"] == 0 < report.all["held_ns"]


def test_report_as_text(start):
    target = start(HOST, "gil_blame.py", 0, 3)
    done = podflame("gil", "-d", 2, "-n", 2, "-p", target.pid)
    assert done.returncode == 0, done.stderr
    head, functions, threads = done.stdout.split("\n\n")
    assert re.search(r"GIL held [\d.]+ % of the time, wanted by others [\d.]+ %; on average [\d.]+ threads wait", head)
    rows = [re.fullmatch(r" *[\d.]+ +[\d.]+ +[\d.]+   (\w+)  .*gil_blame.py", row) for row in functions.splitlines()[1:]]
    assert all(rows) and {row[1] for row in rows} == {"big", "wants"}, functions
    assert len(functions.splitlines()) == 3 and len(threads.splitlines()) == 3
    assert all(re.fullmatch(r"(?: *[\d.]+){5}   \d+ (?:hog|wants)", row) for row in threads.splitlines()[1:]), threads


def test_container_by_its_name(start):
    target = start(BOOKWORM, "gil_blame.py", 0, 2)
    done = podflame("gil", "-s", "-c", target.name, "-d", 2)
    assert done.returncode == 0 and "container " + target.name in done.stdout and "big" in done.stdout, done.stderr


@pytest.mark.free_threaded
def test_no_gil(start):
    try:
        interpreter = free_threaded()
    except Unavailable as reason:
        must_skip(str(reason), debian=False)
    target = start(Case(interpreter, "host"), "gil_blame.py", 0, 2)
    done = podflame("gil", "-d", 1, "-p", target.pid)
    assert done.returncode == 0 and "This Python has no GIL: no thread waits for one." in done.stdout, done.stderr
