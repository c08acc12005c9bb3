# SPDX-License-Identifier: Apache-2.0
"""Mode gil, where there is a GIL and where there is none.

A free-threaded interpreter (PEP 703) is pyenv's, "3.13.5t" for example, the one that
PODFLAME_FREE_THREADED names, or the testbed's: Debian packages none.
"""

import os
import subprocess

import pytest

import truth
from collector import Collector, agent
from interpreters import ON_HOST, Case, free_threaded
from program import PODFLAME, eventually, podflame
from skips import must_skip
from testbed import Unavailable

HOST = Case(ON_HOST[0], "host")
SAID = "process %d: this Python has no GIL: every thread that runs is sampled"


@pytest.fixture
def without():
    """A case of an interpreter that has no GIL unless it is told to."""
    try:
        return Case(free_threaded(), "host")
    except Unavailable as reason:
        must_skip(str(reason), debian=False)


def with_gil(case):
    return case._replace(interpreter=case.interpreter._replace(command=("env", "PYTHON_GIL=1", *case.interpreter.command)))


def shares(text):
    """Samples by the function that threads of burners.py are in, "(idle)" for none."""
    counts = truth.Counter()
    for frames, count in truth.parse_folded(text):
        counts[next((f.name for f in frames if f.name in ("burn", "wait", "(idle)")), None)] += count
    return counts


def record(*pids):
    """(counts, stderr) of a recording in mode gil that has seen something run."""
    def attempt():
        done = podflame("record", "-m", "gil", *(word for pid in pids for word in ("-p", pid)), "-d", 2, "-r", 200)
        assert done.returncode == 0, done.stderr
        return (shares(done.stdout), done.stderr) if shares(done.stdout)["burn"] > 20 else None
    return eventually(attempt, 20, "burners are sampled")


@pytest.mark.free_threaded
def test_burners_without_a_gil_are_sampled_and_it_is_said(start, without):
    target = start(without, "burners.py")
    counts, stderr = record(target.pid)
    assert counts["(idle)"] == 0 and counts["burn"] > 0.95 * sum(counts.values()), counts
    assert stderr.count(SAID % target.pid) == 1, stderr


@pytest.mark.free_threaded
def test_holder_alone_where_the_gil_is_switched_on(start, without, tmp_path):
    target = start(with_gil(without), "burners.py")
    counts, stderr = record(target.pid)
    assert counts["burn"] > 0.8 * sum(counts.values()), counts
    assert "no GIL" not in stderr
    pyflame = tmp_path / "pyflame"
    pyflame.symlink_to(PODFLAME)
    done = subprocess.run([pyflame, "-s", "0.5", "-p", str(target.pid)], capture_output=True, text=True)
    assert done.returncode == 0 and "no GIL" not in done.stderr, done.stderr


@pytest.mark.free_threaded
def test_each_process_for_itself(start, without):
    """One with a GIL that nobody wants is idle, beside one that has none and burns."""
    burning, idle = start(without, "burners.py"), start(HOST, "sleeper.py")
    counts, stderr = record(burning.pid, idle.pid)
    assert counts["(idle)"] > 0 and counts["burn"] > 0, counts
    assert SAID % burning.pid in stderr and SAID % idle.pid not in stderr


@pytest.mark.free_threaded
def test_command_is_told_of_once_it_has_decided(without, tmp_path):
    """Heard of at its birth, before the interpreter has a GIL or none."""
    done = podflame("record", "-m", "gil", "-o", tmp_path / "out", "--", *without.interpreter.command, "burners.py", 2,
                    cwd=os.path.join(os.path.dirname(__file__), "../targets"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("this Python has no GIL") == 1, done.stderr
    assert shares((tmp_path / "out").read_text())["burn"] > 0


@pytest.mark.free_threaded
def test_top_and_agent_say_it_too(start, without, tmp_path):
    target = start(without, "burners.py")
    done = podflame("top", "-m", "gil", "-n", 1, "-d", 3, "-p", target.pid)
    assert done.returncode == 0 and "burn" in done.stdout, done.stderr
    assert SAID % target.pid in done.stderr
    options = ("-m", "gil", "--window", "1s", "--min-age", "0s", "--select", "pid=%d" % target.pid)
    with Collector(tmp_path / "collector") as collector, agent(tmp_path / "agent", collector.url, *options) as pusher:
        def burners():
            return any("burn" in collector.top(series) for series in collector.json("series"))
        eventually(burners, 20, lambda: "the burners arrive: " + pusher.stderr)
        assert pusher.stderr.count(SAID % target.pid) == 1, pusher.stderr
