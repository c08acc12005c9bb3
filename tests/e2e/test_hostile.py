# SPDX-License-Identifier: Apache-2.0
"""No process can cost podflame, or through it the machine, more than its share."""

import contextlib
import json
import os
import re
import shutil
import time
import urllib.request
from collections import Counter

import pytest

import collector
import hostile
import truth
from program import MARGIN_SECONDS, Background, cpu_seconds, eventually
from testbed import PROJECT, containers

# Of an interpreter that starts to run the program, and of podflame's own beginning, on a slow machine.
BEGINNING_SECONDS = 0.5


def test_opening_is_given_up_where_every_step_is_long():
    """1024 mappings of a file in which each look at a symbol is as long as it may be."""
    with hostile.running("slow_elf.c", ".", 1024) as target:
        done, cpu, peak = hostile.spent("dump", "-p", target.pid)
        assert done.returncode == 1 and "takes too much work" in done.stderr, done.stderr
        assert cpu < BEGINNING_SECONDS and peak < 40  # 10; the kernel counts what starts it, a Python, as well


def test_the_agent_goes_on_beside_slow_files(tmp_path):
    """20 processes, each of which had stopped the search for minutes: a new Python is found, and windows go on."""
    port = collector.free_port()
    with collector.Collector(tmp_path / "collector") as store, contextlib.ExitStack() as stack:
        agent = stack.enter_context(collector.agent(tmp_path / "agent", store.url, "--window", 1, "-r", 1,
                                                   "--listen", "127.0.0.1:%d" % port))

        def get(path):
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=MARGIN_SECONDS) as answer:
                return answer.read().decode()

        def windows():
            return int(re.search(r"^podflame_windows_total (\d+)", get("/metrics"), re.M)[1])

        eventually(lambda: "agent:" in agent.stderr and "metrics:" in agent.stderr, 10, lambda: agent.stderr)
        before = cpu_seconds(agent.process.pid)
        for _ in range(20):
            stack.enter_context(hostile.running("slow_elf.c", ".", 1024))
        # Its own name: the log bounds its lines, and other tests' processes may take them all.
        shutil.copy(PROJECT / "tests/targets/target.py", tmp_path)
        shutil.copy(PROJECT / "tests/targets/split.py", tmp_path / "latecomer.py")
        stack.enter_context(containers.Host(["/usr/bin/python3", "latecomer.py"], tmp_path))
        eventually(lambda: "latecomer.py" in {one["service"] for one in store.json("series")}, 10, lambda: agent.stderr)
        seen = windows()
        eventually(lambda: windows() >= seen + 3, 10, "windows go on")
        assert get("/healthz").strip() == "ok"
        assert re.search(r'reason="costly"} [1-9]', get("/metrics")), get("/metrics")
        assert cpu_seconds(agent.process.pid) - before < 20 * 0.05 + 1


@pytest.mark.parametrize("functions, megabytes", [(500, 4), (500, 1), (2000, 0.5)])
def test_line_tables_take_no_memory(functions, megabytes, tmp_path):
    """Nothing of it is forged; the target has one table. A copy for each function was 4 MB each."""
    with hostile.running("line_tables.py", functions, megabytes) as target:
        done, _, peak = hostile.spent("record", "-p", target.pid, "-d", 1, "-o", tmp_path / "out.folded")
        assert peak < 64, done.stderr


def shares_beside_names(folder, target, victim):
    """(the victim's share alone, beside a recording of @target, what that took of a CPU, its peak in MB, what it said)"""
    alone = victim.share(2)
    with Background(folder, "record", "-p", target.pid, "-d", 6, "-o", folder / "out.folded") as recording:
        beside = victim.share(4)
        taken = cpu_seconds(recording.process.pid) / 4
        peak = hostile.peak_megabytes(recording.process.pid)
        assert recording.process.wait(MARGIN_SECONDS) in (0, 1), recording.stderr
    return alone, beside, taken, peak, recording.stderr


@pytest.mark.alone  # what other tests take of that CPU changes between the two measurements
def test_names_take_neither_memory_nor_the_cpu_of_others(tmp_path):
    """A victim on the same CPU keeps its part; with 400 functions it lacked two thirds, and 0.56 s at a time, and podflame
    took 88 % of a CPU."""
    with hostile.running("names.py", 400) as target, hostile.Victim({0}) as victim:
        os.sched_setaffinity(target.pid, {0})
        kept = []
        for turn in range(3):
            alone, beside, taken, peak, said = shares_beside_names(tmp_path / str(turn), target, victim)
            assert taken < 0.3 and peak < 64, said
            kept.append((alone, beside, said))
            if beside.cpu > 0.8 * alone.cpu and beside.longest_pause < alone.longest_pause + 0.1:
                break
        else:
            assert False, kept
        assert "take too long to read" in said


def cpu_by_policy(pid):
    """The CPU seconds of its threads: at SCHED_FIFO, and at ordinary priority."""
    spent = Counter()
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, thread)) as file:
            spent[os.sched_getscheduler(int(thread)) == os.SCHED_FIFO] += int(file.read().split()[0]) / 1e9
    return spent[True], spent[False]


def test_names_are_decoded_at_ordinary_priority(tmp_path):
    """Readers copy the bytes of 60 functions in 1 ms. Their names take some 5 ms, which readers had spent in the tick."""
    with hostile.running("names.py", 60) as target:
        with Background(tmp_path, "record", "-p", target.pid, "-d", 4, "-o", tmp_path / "out.folded") as recording:
            time.sleep(3)
            readers, others = cpu_by_policy(recording.process.pid)
            assert recording.process.wait(MARGIN_SECONDS) == 0, (readers, others, recording.stderr)
    assert readers > 0, "readers run at SCHED_FIFO"
    assert readers < 0.5 * others, (readers, others, recording.stderr)


def test_a_list_of_threads_in_a_circle_ends():
    with hostile.running("circle.py", 2) as target:
        done, cpu, _ = hostile.spent("dump", "--json", "-p", target.pid)
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)[0]["threads"]) <= 3
        assert cpu < BEGINNING_SECONDS


@pytest.mark.parametrize("crowd", [3, 12])
def test_the_agent_keeps_to_its_memory_within_a_window(tmp_path, crowd):
    """Processes that each make it grow as fast as they can, and a window that would end too late. Without a bound for
    all of them together, 12 took it to 90 MB. What else it samples keeps its true shares."""
    limit, victim = 32, ["/usr/bin/python3", "split.py"]
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(collector.Collector(tmp_path / "collector"))
        beside = stack.enter_context(containers.Host(victim, PROJECT / "tests/targets"))
        for _ in range(crowd):
            stack.enter_context(hostile.running("names.py", 400))
        agent = stack.enter_context(collector.agent(tmp_path / "agent", store.url, "--window", 300, "-r", 499,
                                                   "--max-memory", "%dM" % limit))
        eventually(lambda: "agent:" in agent.stderr, 10, lambda: agent.stderr)
        time.sleep(10)
        os.setpriority(os.PRIO_PROCESS, beside.pid, -10)  # so that it has its samples on a crowded machine as well
        time.sleep(5)
        assert hostile.peak_megabytes(agent.process.pid) < limit, agent.stderr
        assert agent.interrupt() == 0, agent.stderr
        series = [one for one in store.json("series") if one["service"] == "split.py"]
        leaves = Counter()
        for one in series:
            leaves.update(store.top(one))
        truth.assert_shares(leaves, truth.SPLIT)
        assert leaves.total() > 100, agent.stderr
