# SPDX-License-Identifier: Apache-2.0
"""What dump says that a thread was doing: frozen, stopped, traced."""

import ctypes
import json
import os
import random
import signal
import sys
import time

import pytest

import freezers
from interpreters import BOOKWORM, ON_HOST, Case
from program import eventually, podflame
from skips import must_skip
from testbed import PROJECT, Unavailable

sys.path.insert(0, str(PROJECT / "tests/oracle"))

import launch  # noqa: E402

HOST = Case(ON_HOST[0], "host")
QUOTA_PERIOD_SECONDS = 0.1
PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def states(pid):
    done = podflame("dump", "--json", "-p", pid)
    assert done.returncode == 0, done.stderr
    [process] = json.loads(done.stdout)
    for thread in process["threads"]:
        assert thread["frames"], "its stack is read all the same"
        assert "(%s" % thread["state"] in podflame("dump", "-p", pid).stdout
    return {thread["state"] for thread in process["threads"]}


@pytest.mark.parametrize("version", [1, 2])
def test_frozen_and_thawed(start, version):
    target = start(HOST, "sleeper.py")
    with freezers.frozen(version, target.pid):
        assert states(target.pid) == {"frozen"}
    target.wait_until(target.sleeps, "sleep again")
    assert states(target.pid) == {"sleeping"}


def test_paused_container(start, docker):
    """Docker freezes the cgroup."""
    target = start(BOOKWORM, "sleeper.py")
    docker.call("pause", target.name)
    try:
        assert states(target.pid) == {"frozen"}
    finally:
        docker.call("unpause", target.name)


def test_stopped(start):
    target = start(HOST, "sleeper.py")
    os.kill(target.pid, signal.SIGSTOP)
    eventually(lambda: target.state() == "T", 10, "it has stopped")
    assert states(target.pid) == {"stopped"}


def test_traced(start):
    target = start(HOST, "sleeper.py")
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.ptrace(PTRACE_ATTACH, target.pid, None, None) == 0
    try:
        os.waitpid(target.pid, 0)
        assert states(target.pid) == {"traced"}
    finally:
        assert libc.ptrace(PTRACE_DETACH, target.pid, None, None) == 0


def test_throttled(start):
    """A busy thread in a cgroup with 5 % of a CPU waits for 19 of 20 parts of the time, and is told from one that runs."""
    target = start(HOST, "burners.py")
    for tid in os.listdir("/proc/%d/task" % target.pid):  # a crowd would keep it from running, and that is no quota
        os.setpriority(os.PRIO_PROCESS, int(tid), -20)
    try:
        with launch.limited(5) as group:
            (group / "cgroup.procs").write_text(str(target.pid))
            eventually(lambda: "nr_throttled 0\n" not in (group / "cpu.stat").read_text(), 20, "it is throttled")
            seen = [state for _ in range(20) for state in dumped(target.pid, random.uniform(0, QUOTA_PERIOD_SECONDS))]
            assert seen.count("throttled") >= 5, seen
            launch.leave(group, target.pid)
    except Unavailable as error:
        must_skip(str(error))
    assert "throttled" not in [state for _ in range(5) for state in dumped(target.pid)]


def dumped(pid, pause=0):
    """The threads' states. A dump ends when the group may run again; without @pause the next one meets that moment."""
    time.sleep(pause)
    [process] = json.loads(podflame("dump", "--json", "-p", pid, wrap=["nice", "-n", "-20"]).stdout)
    return [thread["state"] for thread in process["threads"]]
