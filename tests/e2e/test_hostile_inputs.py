# SPDX-License-Identifier: Apache-2.0
"""What a process of an ordinary user may be, have and say: podflame stays within its bounds, and a victim that is
profiled beside it keeps its true shares."""

import contextlib
import os
import pathlib
import random
import re

import pytest

import collector
import hostile
import interpreters
import truth
from program import cpu_seconds, eventually
from skips import must_skip
from testbed import PROJECT, containers

# What a recording of some seconds takes on a slow machine: 0.3 s are usual beside these programs.
RECORDING_SECONDS = 1.5
MEMORY_MEGABYTES = 64
IMPOSSIBLE = (1 << 63, (1 << 63) - 1, (1 << 64) - 1, 1 << 32, 0)


@pytest.fixture
def victim():
    with containers.Host(["/usr/bin/python3", "split.py"], PROJECT / "tests/targets") as process:
        yield process


def of_victim(stacks):
    return [(frames, count) for frames, count in stacks if any(frame.name in truth.SPLIT for frame in frames)]


def record_beside(victim, pids, tmp_path, seconds=1):
    """The stacks of @pids alone, and what was said; the victim's are true, and podflame is within its bounds."""
    file = tmp_path / "out.folded"
    others = [word for pid in pids for word in ("-p", pid)]
    done, cpu, peak = hostile.spent("record", *others, "-p", victim.pid, "-d", seconds, "-r", 500, "-o", file)
    assert done.returncode in (0, 1), done.stderr
    assert cpu < RECORDING_SECONDS and peak < MEMORY_MEGABYTES, (cpu, peak, done.stderr)
    stacks = truth.parse_folded(file.read_text())
    own = of_victim(stacks)
    truth.assert_shares(truth.leaves(own), truth.SPLIT)
    return [stack for stack in stacks if stack not in own], done.stderr


# ---- what is mapped ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sparse", "million", "symbols", "truncated"])
def test_files_that_are_called_python(kind):
    """All in all 2 looks at each, with 16 MiB of symbols and as much of names at most."""
    with hostile.running("odd_elf.c", ".", kind) as target:
        done, cpu, peak = hostile.spent("dump", "-p", target.pid)
        assert done.returncode == 1 and re.search("not a CPython process|too much work", done.stderr), done.stderr
        assert cpu < 0.5 and peak < MEMORY_MEGABYTES, (cpu, peak)


# ---- what is in memory ------------------------------------------------------------------------------------------


def installations():
    """The host's, and two of pyenv's with other layouts, where there are any."""
    yield pytest.param({}, id="host")
    found = {interpreter.version: interpreter for interpreter in interpreters.pyenv()}
    for version in [(3, 8), (3, 13)]:
        folder = pathlib.Path(found[version].command[0]).parents[1] if version in found else None
        yield pytest.param(folder and hostile.installed(folder), id="pyenv-%d.%d" % version)


@pytest.mark.parametrize("installation", installations())
def test_memory_that_changes_at_random(victim, tmp_path, installation):
    if installation is None:
        must_skip("this machine has no such pyenv", debian=False)
    seed = random.randrange(1, 1 << 62)
    with hostile.running("scribble.py", seed, **installation) as target:
        _, said = record_beside(victim, [target.pid], tmp_path)
        for _ in range(3):
            done, cpu, peak = hostile.spent("dump", "--json", "-p", target.pid)
            assert done.returncode in (0, 1) and cpu < 0.5 and peak < MEMORY_MEGABYTES, (seed, done.stderr)
        assert target.poll() is None, (seed, said)


def tell(target, *words):
    target.stdin.write(" ".join(map(str, words)) + "\n")
    target.stdin.flush()
    assert target.stdout.readline() == "done\n"


def test_lengths_that_cannot_be(victim, tmp_path):
    with hostile.running("forged.py", stdin=hostile.subprocess.PIPE) as target:
        for number in IMPOSSIBLE:
            tell(target, "lengths", number)
            done, cpu, peak = hostile.spent("dump", "-p", target.pid)
            assert done.returncode == 0 and cpu < 0.5 and peak < MEMORY_MEGABYTES, (number, cpu, peak, done.stderr)
        record_beside(victim, [target.pid], tmp_path)


def test_offsets_that_cannot_be():
    """From 3.13 on the process itself says where its state lies."""
    found = [i for i in interpreters.pyenv() if i.version == (3, 13)]
    if not found:
        must_skip("this machine has no 3.13 of pyenv's", debian=False)
    installation = hostile.installed(pathlib.Path(found[0].command[0]).parents[1])
    with hostile.running("forged.py", stdin=hostile.subprocess.PIPE, **installation) as target:
        for index in random.sample(range(2, 60), 24):
            tell(target, "offset", index, random.choice(IMPOSSIBLE))
            done, cpu, peak = hostile.spent("dump", "-p", target.pid)
            assert done.returncode in (0, 1) and done.stdout + done.stderr, index
            assert cpu < 0.5 and peak < MEMORY_MEGABYTES, (index, cpu, peak)


# ---- how many there are -----------------------------------------------------------------------------------------


CROWDS = {"threads": 4000, "interpreters": 100, "codes": 1 << 16, "stacks": 1 << 17, "names": 1 << 20, "forks": 300,
          "titles": 1000}


def test_crowds(victim, tmp_path):
    """All of them at once."""
    with contextlib.ExitStack() as stack:
        targets = {kind: stack.enter_context(hostile.running("crowds.py", kind, number)) for kind, number in CROWDS.items()}
        stacks, said = record_beside(victim, [target.pid for target in targets.values()], tmp_path, seconds=4)
        for name in {frame.name for frames, _ in stacks for frame in frames}:
            assert name.isprintable() and len(name) <= 4 * 4097, repr(name[:100])
        assert "%d processes" % (len(CROWDS) + 1) in said and "not profiled" not in said, said
        assert all(target.poll() is None for target in targets.values())


def test_a_process_of_60000_mappings(victim, tmp_path):
    """Their list alone takes what opening a process may."""
    with hostile.running("crowds.py", "mappings", 60000) as target:
        _, said = record_beside(victim, [target.pid], tmp_path)
        assert "process %d: finding out whether it is Python takes too much work" % target.pid in said


def test_the_agent_beside_processes_that_never_stay(victim, tmp_path):
    """300 forks a second, four that execute themselves, a new service every 40 ms: windows go on, what they used before
    they could be opened is told, and nobody's time is accounted for twice."""
    port = collector.free_port()
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(collector.Collector(tmp_path / "collector"))
        for kind, number in [("forks", 300), ("execs", 4), ("services", 10000)]:
            stack.enter_context(hostile.running("crowds.py", kind, number))
        agent = stack.enter_context(collector.agent(tmp_path / "agent", store.url, "--window", 1, "-r", 49, "--listen",
                                                   "127.0.0.1:%d" % port))
        eventually(lambda: "metrics:" in agent.stderr, 10, lambda: agent.stderr)
        eventually(lambda: collector.metric(port, "podflame_windows_total") >= 5, 20, lambda: agent.stderr)
        assert cpu_seconds(agent.process.pid) < 3 and hostile.peak_megabytes(agent.process.pid) < MEMORY_MEGABYTES
        eventually(lambda: collector.metric(port, "podflame_cpu_unsampled_seconds_total") > 0, 20, lambda: agent.stderr)
        assert any(series["service"] == "split.py" and series["samples"] > 0 for series in store.json("series"))
        accounted = collector.metric(port, "podflame_cpu_accounted_seconds_total")
        uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0]) - started(agent.process.pid)
        assert accounted < uptime * os.cpu_count()


def started(pid):
    """When, in seconds since the machine was."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
