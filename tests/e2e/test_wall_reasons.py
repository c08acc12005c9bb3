# SPDX-License-Identifier: Apache-2.0
"""Why threads do not run, in mode wall: of threads of which that is known."""

import collections
import json
import math
import os
import pathlib
import re
import time

import pytest

import browser
import otlp
import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, IN_IMAGES, ON_HOST, Case
from program import Background, eventually, podflame
from receiver import Receiver
from skips import must_skip
from testbed import Unavailable

import launch  # the oracle's: truth knows where it lies

HOST = Case(ON_HOST[0], "host")
PLACES = [Case(i, "host") for i in ON_HOST if i.version in ((2, 7), (3, 7), (3, 8), (3, 9), (3, 10), (3, 12), (3, 13))]
IMAGES = [Case(i, "docker") for i in IN_IMAGES if i.suite in ("bullseye", "trixie", "forky")]
CASES = [HOST, BOOKWORM, BARE_BOOKWORM, *PLACES, *IMAGES]

# The function that a thread of waits.py is in: what it waits for, as the leaf frame says it.
LEAVES = {
    "sleeps": "[sleeps]", "from_peer": "[waits: socket 127.0.0.1:PORT]",
    "accepts": "[waits for work: listening socket 127.0.0.1:PORT]", "from_pipe": "[waits: pipe]", "selects": "[sleeps]",
    "wants_lock": "[waits: lock]", "wants_event": "[waits: event]", "wants_item": "[waits for work: queue]",
    "for_child": "[waits: child]",
}


def expected(case, function):
    version = case.interpreter.version
    if function == "wants_event" and version < (3, 2):
        return "[sleeps]"  # a wait with a timeout is a loop of naps (threading.Condition)
    if LEAVES[function] in ("[waits: lock]", "[waits: event]", "[waits for work: queue]") and version < (3, 7):
        return "[waits: lock or GIL]"
    return LEAVES[function]


def recorded(*arguments, seconds=1, rate=200):
    done = podflame("record", *arguments, "-m", "wall", "-d", seconds, "-r", rate)
    assert done.returncode == 0, done.stderr
    return truth.parse_folded(done.stdout), done.stderr


def leaves_of(stacks, functions):
    """{function of the target: {leaf below it: samples}}; "" is a sample of a thread that runs."""
    found = collections.defaultdict(collections.Counter)
    for frames, count in stacks:
        names = [frame.name.rpartition(".")[2] if frame.file else frame.name for frame in frames]
        for function in functions:
            if function in names:
                found[function][names[-1] if truth.is_idle(frames[-1]) else ""] += count
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_each_thread_waits_for(start, case):
    target = start(case, "waits.py")
    found = leaves_of(recorded("-p", target.pid)[0], LEAVES)
    port = {leaf.rpartition(":")[2][:-1] for leaf in found["from_peer"]}
    assert len(port) == 1 and port != {""}, found["from_peer"]
    wrong = {}
    for function in LEAVES:
        right = expected(case, function).replace("PORT", *port)
        total = sum(found[function].values())
        assert total >= 100, (function, found[function])
        awry = {leaf: n for leaf, n in found[function].items() if leaf != right}
        # A nap ends now and then, where a wait is a loop of naps; what is unknown then says so.
        if sum(awry.values()) > 0.02 * total or set(awry) - {"", "[waits: unknown]", "[waits: GIL]", "[waits: CPU]"}:
            wrong[function] = (right, found[function])
    assert not wrong


class Scheduled:
    """What the kernel says of the threads of @pid while this was entered: for how many seconds they had a CPU (cpu) and
    waited for one (wait), and how often they got one (turns); and how many seconds that was (seconds)."""

    def __init__(self, pid):
        self.files = list(pathlib.Path("/proc/%d/task" % pid).glob("*/schedstat"))

    def read(self):
        threads = [map(int, file.read_text().split()) for file in self.files]
        cpu, wait, turns = map(sum, zip(*threads))
        return cpu / 1e9, wait / 1e9, turns, time.monotonic()

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *_):
        self.cpu, self.wait, self.turns, self.seconds = (now - before for now, before in zip(self.read(), self.before))


def test_threads_that_fight_for_the_gil(start):
    """Four threads want the GIL always: they run and wait for a CPU as long as the kernel says, and else for the GIL."""
    target = start(HOST, "waits.py", 0, 4)
    seconds = 4
    with Scheduled(target.pid) as scheduled:
        stacks, _ = recorded("-p", target.pid, seconds=seconds)
    fights, all_seconds = leaves_of(stacks, ["fight"])["fight"], 4 * scheduled.seconds
    assert set(fights) <= {"", "[waits: GIL]", "[waits: CPU]", "[waits: unknown]"}, fights
    total = sum(fights.values())
    # A crowded machine ends a recording late.
    assert 0.9 * 4 * seconds * 200 <= total <= 1.1 * all_seconds * 200, (fights, vars(scheduled))
    assert fights[""] / total == pytest.approx(scheduled.cpu / all_seconds, abs=0.05), (fights, vars(scheduled))
    assert fights["[waits: CPU]"] / total == pytest.approx(scheduled.wait / all_seconds, abs=0.05), (fights, vars(scheduled))
    assert fights["[waits: unknown]"] < 0.02 * total, fights


def test_threads_that_wait_for_a_cpu(start):
    """Two busy processes on one CPU: each waits half of the time, in slices of a few milliseconds."""
    targets = [start(HOST, "split.py") for _ in range(2)]
    for target in targets:
        os.sched_setaffinity(target.pid, {0})
    with Scheduled(targets[0].pid) as scheduled:
        stacks, _ = recorded("-p", targets[0].pid, seconds=5)
    assert scheduled.wait > 1, "they do wait"
    waits = sum(count for frames, count in stacks if frames[-1].name == "[waits: CPU]")
    share = scheduled.wait / (scheduled.cpu + scheduled.wait)
    assert waits / truth.total(stacks) == pytest.approx(share, abs=0.05)
    # What a function waits is what it runs, and both have the function's share.
    shares = collections.Counter()
    for frames, count in stacks:
        shares[[f.name for f in frames if not truth.is_idle(f)][-1]] += count
    # A wait is one draw, however long it is.
    draws = min(scheduled.turns, truth.total(stacks))
    for name, share in truth.SPLIT.items():
        room = 4 * math.sqrt(2 * share * (1 - share) / draws)
        assert shares[name] / truth.total(stacks) == pytest.approx(share, abs=room), (shares, draws)


def throttled_seconds(group):
    stat = dict(row.split() for row in (group / "cpu.stat").read_text().splitlines())
    return int(stat["throttled_time"]) / 1e9 if "throttled_time" in stat else int(stat["throttled_usec"]) / 1e6


def test_a_quota(start):
    """A busy thread that may take 20 % of a CPU is throttled for the rest of the time."""
    target = start(HOST, "split.py")
    os.setpriority(os.PRIO_PROCESS, target.pid, -20)
    try:
        with launch.limited(20) as group:
            (group / "cgroup.procs").write_text(str(target.pid))
            time.sleep(1)
            begin = throttled_seconds(group)
            with Scheduled(target.pid) as scheduled:
                stacks, _ = recorded("-p", target.pid, seconds=5)
            throttled = throttled_seconds(group) - begin
            launch.leave(group, target.pid)
    except Unavailable as error:
        must_skip(str(error))
    leaves = collections.Counter()
    for frames, count in stacks:
        leaves[frames[-1].name if truth.is_idle(frames[-1]) else ""] += count
    assert set(leaves) <= {"", "[throttled]", "[waits: CPU]", "[waits: unknown]"}, leaves
    assert leaves["[waits: unknown]"] < 0.03 * truth.total(stacks), "the wait that the recording has cut off"
    assert leaves["[throttled]"] / truth.total(stacks) == pytest.approx(throttled / 5, abs=0.06), (leaves, throttled)
    waited = scheduled.wait - throttled
    assert leaves["[waits: CPU]"] / truth.total(stacks) == pytest.approx(waited / 5, abs=0.06), (leaves, vars(scheduled))


# ---- who waits for work ----------------------------------------------------------------

WORKERS = 8


def test_workers_that_wait_for_work(start):
    target = start(HOST, "pool.py", 0, WORKERS)
    stacks, _ = recorded("-p", target.pid)
    found = leaves_of(stacks, ["_worker", "handle", "work", "consume"])
    assert set(found["handle"]) == {"[sleeps]"} and set(found["consume"]) == {"[waits: queue]"}
    assert set(found["work"]) == {"[waits for work: queue]"}
    assert found["_worker"]["[waits for work: lock]"] == pytest.approx(WORKERS * 200, rel=0.1)


def test_workers_that_wait_for_work_can_be_left_out(start):
    target = start(HOST, "pool.py", 0, WORKERS)
    stacks, said = recorded("-p", target.pid, "--no-idle-workers", "-v")
    found = leaves_of(stacks, ["_worker", "handle", "work", "consume"])
    assert set(found["handle"]) == {"[sleeps]"} and set(found["consume"]) == {"[waits: queue]"}
    assert "work" not in found and set(found["_worker"]) == {"[sleeps]"}, "only the one that handles"
    assert "are left out as asked" in said and "coverage 100.0 %" in said, said


def test_only_mode_wall_has_workers_to_leave_out():
    done = podflame("record", "-p", os.getpid(), "--no-idle-workers")
    assert done.returncode == 2 and "--no-idle-workers needs --mode wall" in done.stderr


# ---- what is shown ------------------------------------------------------------------------


def test_the_page_says_how_much_of_the_time_threads_wait_for_what(start, tmp_path):
    """Of the 12 threads 8 wait in the executor and 1 at its queue, 1 waits at a queue in a request, 2 sleep."""
    target = start(HOST, "pool.py", 0, WORKERS)
    file = tmp_path / "pool.html"
    assert podflame("record", "-p", target.pid, "-m", "wall", "-d", 2, "-o", file).returncode == 0
    with browser.open_page(file.as_uri()) as page:
        rows = page.execute_script("return [...document.querySelectorAll('.flame-legend li')].map(li => li.innerText)")
        assert not browser.errors(page)
    shares = {label: float(share) for label, share in (re.fullmatch(r"(.*) ([\d.]+) %", row).groups() for row in rows)}
    assert shares["waits for work"] == pytest.approx(100 * 9 / 12, abs=3), rows
    assert shares["waits for a lock"] == pytest.approx(100 / 12, abs=2), rows
    assert shares["sleeps"] == pytest.approx(100 * 2 / 12, abs=3), rows


# ---- what is sent ------------------------------------------------------------------------


def sent(tmp_path, target, *options):
    """The samples in from_peer() that an agent has sent: [(frames, attributes)]."""
    with Receiver() as server, Background(tmp_path / "agent", "agent", "--collector", server.url, "--window", "1s",
                                          "--mode", "wall", "--rate", 20, "--select", "pid=%d" % target.pid, *options):
        return eventually(lambda: [(sample[0], dict(sample[1])) for path, _, body in list(server.requests)
                                   if path.endswith("/v1development/profiles")
                                   for profile in otlp.profiles(json.loads(body)) for sample in profile.samples
                                   if any(frame[0] == "from_peer" for frame in sample[0])], 30, "samples arrive")


@pytest.mark.parametrize("options, begin, said", [
    ((), "[waits: socket port ", {"podflame.idle": "1"}),
    (("--wait-detail",), "[waits: socket 127.0.0.1:", {"podflame.idle": "1"}),
    (("--all-labels",), "[waits: socket port ", {"podflame.wait": "io", "thread.state": "idle"})])
def test_the_agent_sends_addresses_and_labels_only_if_told(start, tmp_path, options, begin, said):
    target = start(HOST, "waits.py")
    found = sent(tmp_path, target, *options)
    assert found
    for frames, attributes in found:
        assert frames[0][0].startswith(begin), frames[0]
        assert {key: value for key, value in attributes.items() if key != "podflame.samples"} == said
