# SPDX-License-Identifier: Apache-2.0
"""The engines: no wrong stack and no lost sample, whatever the target does meanwhile."""

import contextlib
import functools
import os
import pathlib
import re
import signal
import statistics
import subprocess
import threading
import time

import pytest

import steps
import truth
from interpreters import ON_HOST, VERSIONS, Case
from program import MARGIN_SECONDS, Background, eventually, podflame
from testbed import PROJECT

# One case a minor version from 3.9 on.
MINORS = list({case.interpreter.version: case for case in VERSIONS if case.interpreter.version >= (3, 9)}.values())
HOST = Case(ON_HOST[0], "host")

EMULATED = "PODFLAME_EMULATED" in os.environ  # 20 times slower than a processor
GRAMMAR_SAMPLES, GRAMMAR_RATE = (1000, 500) if EMULATED else (50000, 20000)  # the labyrinth below is harder; tests/bench takes millions
LABYRINTH_SAMPLES = 5000
GRAMMAR_SECONDS = 600  # until so many must have been taken, on a crowded machine too
TORN_MAX = 0.001
# 300 threads end in a second: their last 100 us are a hundredth of what they use. Of some recordings the best, since a
# reader that a crowd keeps waiting comes when the thread is gone.
ENDING_TORN_MAX = 0.015

SUMMARY = re.compile(r"(\d+) samples of .*; torn (\d+), retried (\d+), late (\d+), lost (\d+)")


def case_id(case):
    return str(case)


def sample(*arguments, seconds, rate):
    """Stacks and the summary's (samples, torn, retried, late, lost)."""
    done = podflame("record", "-v", *arguments, "-d", seconds, "-r", rate, timeout=seconds + 60)
    assert done.returncode == 0, done.stderr
    counters = tuple(int(number) for number in SUMMARY.search(done.stderr).groups())
    return truth.parse_folded(done.stdout), counters


@functools.lru_cache(maxsize=None)
def number(name):
    return int(name[1:]) if re.fullmatch(r"f\d+", name) else None


CALLEES = {caller: ((3 * caller + 1) % 16, (7 * caller + 2) % 16) for caller in range(16)}


def impossible(stacks):
    """Samples whose chain of calls the grammar (tests/targets/grammar.py) does not have."""
    wrong = 0
    for frames, count in stacks:
        chain = [n for n in (number(frame.name) for frame in frames) if n is not None]
        if any(callee not in CALLEES[caller] for caller, callee in zip(chain, chain[1:])):
            wrong += count
    return wrong


# ---- wrong and lost stacks ------------------------------------------------------


@pytest.mark.xdist_group("grammar")  # they take whole CPUs: one after another
@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_no_impossible_stack_in_the_grammar(start, case):
    target = start(case, "grammar.py")
    taken = torn = lost = 0
    begin = time.monotonic()
    while taken < GRAMMAR_SAMPLES:
        assert time.monotonic() - begin < GRAMMAR_SECONDS, "only %d samples" % taken
        stacks, counters = sample("-p", target.pid, seconds=4, rate=GRAMMAR_RATE)
        assert impossible(stacks) == 0
        taken, torn, lost = taken + counters[0], torn + counters[1], lost + counters[4]
    assert torn + lost < TORN_MAX * taken, "torn %d, lost %d of %d" % (torn, lost, taken)


@pytest.mark.xdist_group("grammar")
@pytest.mark.parametrize("options, rate", [("-m cpu", 20000), ("-m wall", 5000)])
@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_no_impossible_stack_in_a_labyrinth(start, case, options, rate):
    """Every way into a function and out of it, threads that begin and end. tests/bench/labyrinth.py takes millions."""
    target = start(case, "labyrinth.py", 0, 2)
    judge = steps.Judge(case.interpreter.version, threads=True)
    taken, lost = 0, []
    begin = time.monotonic()
    while taken < LABYRINTH_SAMPLES or ("cpu" in options and min(lost) >= ENDING_TORN_MAX and len(lost) < 10):
        assert time.monotonic() - begin < GRAMMAR_SECONDS, "only %d samples" % taken
        stacks, counters = sample("-p", target.pid, *options.split(), seconds=2, rate=rate)
        assert not steps.impossible(stacks, judge)
        taken += counters[0]
        lost.append((counters[1] + counters[4]) / max(counters[0], 1))
    assert "cpu" not in options or min(lost) < ENDING_TORN_MAX, lost


@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_the_end_of_a_short_process_is_not_lost(start, case):
    """At this rate stacks of 3.12 and 3.13 wait to be proved: 8 ms at most, and a 256th of what was sampled."""
    target = start(case, "exits.py", 5)
    rate = 2000
    stacks, counters = sample("-p", target.pid, seconds=20, rate=rate)
    assert truth.total(stacks) > 50
    ending = 0.01 * rate  # in which the kernel takes its memory away, and there is nothing to read
    assert counters[4] <= 2 + ending + min(0.008 * rate, truth.total(stacks) / 256)


@pytest.mark.parametrize("options", ["--engine timer", "--engine blocking", "-m wall", "-m gil", "-m gil --blocking"])
@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_no_impossible_stack_by_other_engines(start, case, options):
    target = start(case, "grammar.py")
    taken = 0
    begin = time.monotonic()
    while taken <= 50:
        assert time.monotonic() - begin < GRAMMAR_SECONDS, "only %d samples" % taken
        stacks, _ = sample("-p", target.pid, *options.split(), seconds=1, rate=1000)
        assert impossible(stacks) == 0
        taken += truth.total(stacks)


@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_a_target_that_is_moved_about(start, case):
    """The scheduler is made to move the target every millisecond."""
    target = start(case, "grammar.py")
    cpus = sorted(os.sched_getaffinity(target.pid))
    if len(cpus) < 2:
        pytest.skip("the target may run on one CPU only")
    done = threading.Event()

    def move():
        while not done.wait(0.001):
            os.sched_setaffinity(target.pid, {cpus[int(time.monotonic() * 1000) % len(cpus)]})

    mover = threading.Thread(target=move)
    mover.start()
    try:
        stacks, counters = sample("-p", target.pid, seconds=2, rate=5000)
    finally:
        done.set()
        mover.join()
    assert impossible(stacks) == 0
    assert counters[1] <= 0.005 * counters[0], "torn %d of %d" % (counters[1], counters[0])


# Turns of a code object before it is freed: some 60 us; 3 ms, in which nothing is freed, so that no proof is read; and 30
# ms, for which proofs of it begin to wait for others.
@pytest.mark.parametrize("script, turns", [("churn_code.py", 2000), ("churn_code.py", 100000),
                                           ("churn_code.py", 1000000), ("dying_code.py", 30000)])
@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_no_stale_name(start, case, script, turns):
    target = start(case, script, 0, turns)
    stacks, _ = sample("-p", target.pid, seconds=3, rate=10000)
    seen = 0
    for frames, count in stacks:
        for frame in frames:
            made = re.fullmatch(r"made_(\d+)", frame.name)
            if made:
                assert frame.file == "made_%s.py" % made[1]
                seen += count
    assert seen > 0.25 * truth.total(stacks)


# ---- shares ----------------------------------------------------------------------


LEAVES_RATE = 4999
LEAVES_RECORDINGS = 8  # at least; their spread says what chance does
LEAVES_SIGMAS = 4.5  # of a mean of 8, whose spread is estimated: once in 300
LENGTHS = ["2us", "20us", "200us", "2ms"]


def away(recordings, length):
    """How many sigmas the mean shares of the three leaves of a length are off 9:3:1, at most.

    Several samples fall into one call, and on a crowded machine a tick may count more than once: so the spread of the
    recordings is what chance is, not the binomial's.
    """
    off = []
    for part in (9, 3, 1):
        shares = [counts["leaf_%s_%d" % (length, part)] / sum(counts["leaf_%s_%d" % (length, p)] for p in (9, 3, 1))
                  for counts in recordings]
        error = statistics.stdev(shares) / len(shares) ** 0.5
        off.append(abs(statistics.mean(shares) - part / 13) / max(error, 1e-9))
    return max(off)


def record_leaves(target):
    """Samples by leaf, of each recording; enough of each length."""
    recordings = []
    while len(recordings) < LEAVES_RECORDINGS or \
            min(sum(counts["leaf_%s_9" % length] for counts in recordings) for length in LENGTHS) < 500:
        counts = truth.leaves(sample("-p", target.pid, seconds=1, rate=LEAVES_RATE)[0])
        assert counts, "nothing was sampled"
        if all(counts["leaf_%s_9" % length] for length in LENGTHS):
            recordings.append(counts)
    return recordings


@pytest.mark.parametrize("case", MINORS, ids=case_id)
def test_short_and_long_leaves_get_their_shares(start, case):
    """Chance breaks that in 1 of 30 runs, so a break must be repeatable with new samples."""
    target = start(case, "leaves.py")
    lengths = LENGTHS
    for _ in range(2):
        recordings = record_leaves(target)
        lengths = [length for length in lengths if away(recordings, length) > LEAVES_SIGMAS]
        if not lengths:
            return
    pytest.fail("off 9:3:1 twice: %s" % {length: round(away(recordings, length), 1) for length in lengths})


# ---- no harm ---------------------------------------------------------------------


def test_killed_while_it_stops_threads(start, tmp_path):
    """kill -9 while threads are being stopped leaves nobody stopped."""
    target = start(HOST, "split.py")
    for attempt in range(10):
        with Background(tmp_path / str(attempt), "record", "-p", target.pid, "--blocking", "-r", "10000", "-d", "60") as run:
            time.sleep(0.3 + 0.01 * attempt)
            run.process.send_signal(signal.SIGKILL)
            run.process.wait()
        eventually(lambda: target.state() == "R", 2, "the target runs on")
    before = target.cpu_seconds()
    time.sleep(0.5)
    assert target.cpu_seconds() > before


def is_pending(pid):
    with open("/proc/%d/status" % pid) as status:
        return any(int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd")))


@pytest.mark.parametrize("options", ["", "--engine timer", "--blocking"])
def test_signals_arrive(tmp_path, options):
    """Signals sent while the target is sampled are all delivered, each before the next is sent."""
    command = [*HOST.interpreter.command, str(PROJECT / "tests/targets/signals.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout.readline() == "ready\n"
        with Background(tmp_path / "record", "record", "-p", target.pid, "-d", 60, "-r", 1000, *options.split()):
            time.sleep(0.2)
            for _ in range(50):
                os.kill(target.pid, signal.SIGUSR1)
                eventually(lambda: not is_pending(target.pid), 2, "the signal is delivered")
                time.sleep(0.01)
            target.terminate()
            assert target.wait(MARGIN_SECONDS) == 50


# ---- what can be missing ------------------------------------------------------------

WITHOUT = {
    "perf": ["-perfmon,-sys_admin", "user space only"],
    "realtime": ["-sys_nice", "no SCHED_FIFO"],
    "both": ["-perfmon,-sys_admin,-sys_nice", "no SCHED_FIFO"],
}


@pytest.mark.parametrize("missing", WITHOUT)
def test_a_missing_privilege_costs_no_correctness(start, missing):
    bounding, said = WITHOUT[missing]
    target = start(HOST, "grammar.py")
    done = podflame("record", "-v", "-p", target.pid, "-d", 2, "-r", 1000,
                    wrap=("setpriv", "--bounding-set", bounding, "--inh-caps", bounding))
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    stacks = truth.parse_folded(done.stdout)
    assert truth.total(stacks) > 50
    assert impossible(stacks) == 0


@contextlib.contextmanager
def cpuset_of_one_cpu(cpu):
    """A cpuset (cgroup v1) of one CPU; yields the file that takes processes into it."""
    root = pathlib.Path("/sys/fs/cgroup/cpuset")
    if not (root / "cpuset.cpus").exists():
        pytest.skip("this machine has no cpuset hierarchy of cgroup v1")
    folder = root / ("podflame-test-%d" % os.getpid())
    folder.mkdir()
    try:
        (folder / "cpuset.cpus").write_text(str(cpu))
        (folder / "cpuset.mems").write_text("0")
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()


def test_a_cpu_outside_of_our_cpuset(start):
    """Where the reader may not go, stacks are read from afar: fewer, and none of them wrong."""
    ours, theirs = sorted(os.sched_getaffinity(0))[:2]
    target = start(HOST, "grammar.py")
    os.sched_setaffinity(target.pid, {theirs})
    with cpuset_of_one_cpu(ours) as procs:
        done = podflame("record", "-v", "-p", target.pid, "-d", 2, "-r", 1000,
                        wrap=("sh", "-c", 'echo $$ > %s && exec "$@"' % procs, "sh"))
    assert done.returncode == 0, done.stderr
    assert "not pinned" in done.stderr
    stacks = truth.parse_folded(done.stdout)
    assert truth.total(stacks) > 50
    assert impossible(stacks) == 0


def test_processes_that_seldom_run_among_many(tmp_path):
    """Of 130 that sleep not all are looked at with each tick: what first has is as much as second, all the same."""
    out = tmp_path / "out"
    done = podflame("record", "-v", "-s", "--engine", "timer", "-r", 1000, "-o", out, "--", *HOST.interpreter.command,
                    PROJECT / "tests/targets/rarely.py", 0, 130, 15, timeout=120)
    assert done.returncode == 0, done.stderr
    stacks = truth.parse_folded(out.read_text())
    first, second = (truth.total([stack for stack in stacks if any(frame.name == name for frame in stack[0])])
                     for name in ("first", "second"))
    # A sample may stand for 3 ticks: half of those is chance.
    chance = (3 * (first + second)) ** 0.5 / (first + second)
    assert abs(first / (first + second) - 0.5) < 3 * chance / 2, (first, second)
    assert first + second > 1000


@pytest.mark.parametrize("rate", ["0", "20001", "-1", "nan", "1e9"])
def test_rates_out_of_range_are_refused_with_the_range(rate):
    done = podflame("record", "-p", os.getpid(), "-r", rate)
    assert done.returncode == 2
    assert "1 to 20000" in done.stderr


def test_thousands_of_threads(start):
    target = start(HOST, "threads.py", 0, 0, 2000)
    stacks, _ = sample("-p", target.pid, "-m", "wall", seconds=2, rate=20)
    assert truth.total(stacks) >= 2000
    done = podflame("dump", "-p", target.pid, "--json", timeout=60)
    assert done.returncode == 0 and done.stdout.count('"tid"') >= 2000
