# SPDX-License-Identifier: Apache-2.0
"""Mode wall and its neighbours where there are more threads, or fewer descriptors, than anybody is prepared for."""

import collections
import json
import pathlib
import re

import hostile
import pytest
import truth
from program import podflame
from skips import must_skip

# All at one worker: there is one such process at a time.
pytestmark = pytest.mark.xdist_group("crowds")
THREADS, SPARE_THREADS = 10000, 2000
WAIT = "[waits: event]"
AWAY = {"[waits: CPU]", "[waits: GIL]", "[waits: unknown]"}  # of the thread that runs, now and then
FEW = ["sh", "-c", 'ulimit -n "$0" && exec "$@"']


def threads_to_be_had():
    kernel = pathlib.Path("/proc/sys/kernel")
    most = min(int((kernel / name).read_text()) for name in ("pid_max", "threads-max"))
    return most - int(pathlib.Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


@pytest.fixture(scope="module")
def crowd():
    """10 000 threads wait for an event, and the main thread runs."""
    if threads_to_be_had() < THREADS + SPARE_THREADS:
        must_skip("no room for %d threads (pid_max, threads-max)" % THREADS, debian=False)
    with hostile.running("crowds.py", "threads", THREADS) as target:
        yield target


def leaves_below(stacks, function):
    found = collections.Counter()
    for frames, count in stacks:
        if function in [frame.name.rpartition(".")[2] for frame in frames]:
            found[frames[-1].name if truth.is_idle(frames[-1]) else ""] += count
    return found


def cpu_of(said):
    return float(re.search(r"cost: ([\d.]+) s of CPU", said)[1])


def megabytes_of(said):
    return int(re.search(r"cost: .* (\d+) MiB of memory", said)[1])


def test_ten_thousand_threads_wait_for_what_they_wait_for(crowd):
    done = podflame("record", "-p", crowd.pid, "-m", "wall", "-d", 3, "-r", 20, "-v")
    assert done.returncode == 0, done.stderr
    stacks = truth.parse_folded(done.stdout)
    waits, runs = leaves_below(stacks, "wait"), leaves_below(stacks, "spin")
    assert set(waits) == {WAIT}, waits
    # A wait counts from its first look on, and on a crowded machine that comes late: its budget is a share of a CPU.
    assert waits[WAIT] >= 0.2 * THREADS * 3 * 20
    assert set(runs) <= {""} | AWAY and runs[""] > runs["[waits: unknown]"], runs
    assert "/syscall is refused" not in done.stderr, done.stderr
    samples = truth.total(stacks)
    assert cpu_of(done.stderr) < 2 + samples * 20e-6, (samples, done.stderr)  # 4 us were measured
    assert megabytes_of(done.stderr) < 128, done.stderr


def test_as_many_threads_have_their_names(crowd):
    done = podflame("record", "-p", crowd.pid, "-m", "wall", "-t", "-d", 10, "-r", 5, "-v")
    assert done.returncode == 0, done.stderr
    named = collections.Counter()
    for frames, count in truth.parse_folded(done.stdout):
        if frames[-1].name == WAIT:
            named[next(f.name for f in frames if "tid" in f.name or "[2J" in f.name)] += count
    numbers = [re.match(r".*\[2J(\d+)\b", name) for name in named]
    told = {int(number[1]) for number in numbers if number}
    assert len(named) == THREADS, len(named)
    assert len(told) == sum(1 for number in numbers if number), "no two threads have the same name"
    assert told <= set(range(THREADS)) and len(told) > THREADS / 2, len(told)


def test_dump_of_as_many(crowd):
    done = podflame("dump", "-p", crowd.pid, "--json")
    assert done.returncode == 0, done.stderr
    [process] = json.loads(done.stdout)
    kinds = collections.Counter()
    for thread in process["threads"]:
        functions = [frame["function"] for frame in thread["frames"] or []]
        kinds["wait" in [name.rpartition(".")[2] for name in functions], thread["reason"]["text"]] += 1
    main = {key: n for key, n in kinds.items() if not key[0]}
    assert kinds[True, "waits: event"] == THREADS and sum(main.values()) == 1, kinds
    assert done.seconds < 40, "it does not grow with the square of their number"


def test_gil_with_as_many(crowd):
    done = podflame("gil", "-p", crowd.pid, "-d", 3)
    assert done.returncode == 0, done.stderr
    held, wanted, waiting = map(float, re.search(r"GIL held ([\d.]+) % .* wanted by others ([\d.]+) %; on average ([\d.]+)",
                                                 done.stdout).groups())
    assert held > 25 and wanted < 10 and waiting < 0.1, done.stdout[:1000]


@pytest.mark.parametrize("descriptors", [64, 256])
def test_fewer_descriptors_than_threads(descriptors):
    """What is read costs more then, and is as true."""
    with hostile.running("crowds.py", "threads", 500) as target:
        done = podflame("record", "-p", target.pid, "-m", "wall", "-d", 2, "-r", 50, "-v", wrap=[*FEW, str(descriptors)])
        assert done.returncode == 0, done.stderr
        waits = leaves_below(truth.parse_folded(done.stdout), "wait")
        assert set(waits) == {WAIT} and waits[WAIT] >= 0.9 * 500 * 2 * 50, waits
        assert "/syscall is refused" not in done.stderr, done.stderr
        blame = podflame("gil", "-p", target.pid, "-d", 1, wrap=[*FEW, str(descriptors)])
        assert blame.returncode == 0 and "unknown what they did 0." in blame.stdout, blame.stdout[:500] + blame.stderr
