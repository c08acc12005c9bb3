# SPDX-License-Identifier: Apache-2.0
"""What dump says that a thread was doing: frozen, stopped, traced."""

import ctypes
import json
import os
import signal

import pytest

import freezers
from interpreters import BOOKWORM, ON_HOST, Case
from program import eventually, podflame

HOST = Case(ON_HOST[0], "host")
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
