# SPDX-License-Identifier: Apache-2.0
"""What the agent and the collector may still do; the agent with exactly the privileges that it asks for, or fewer."""

import contextlib
import os
import pathlib
import secrets
import subprocess

import pytest

from collector import Collector
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import PODFLAME, eventually
from testbed import images
from test_health import Asked

CAPABILITIES = {"dac_read_search": 2, "sys_ptrace": 19, "sys_nice": 23, "perfmon": 38}
NUMBERS = {**CAPABILITIES, "ipc_lock": 14, "checkpoint_restore": 40}


def threads(pid, *fields):
    """The values of /proc/PID/task/*/status, of all threads together."""
    found = set()
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        rows = dict(row.split(":\t", 1) for row in (task / "status").read_text().splitlines())
        found.add(tuple(rows[field].strip() for field in fields))
    return found


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as collector:
        yield collector


def mask(names):
    return "%016x" % sum(1 << NUMBERS[name] for name in names)


def test_every_thread_is_confined(start, collector, tmp_path):
    target = start(BOOKWORM, "split.py")
    fields = ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    none = mask([])
    with Asked(tmp_path / "agent", collector.url, "--spool", tmp_path) as asked:
        eventually(lambda: collector.series_of(target), 15, "the container is known")
        needed = mask(CAPABILITIES)
        assert threads(asked.pid, *fields) == {(needed, needed, none, needed, none, "1", "2")}
        assert threads(collector.process.pid, *fields) == {(none, none, none, none, none, "1", "2")}
        assert asked.running.interrupt() == 0, asked.running.stderr


def test_off_keeps_everything(collector, tmp_path):
    with Asked(tmp_path / "agent", collector.url, "--confine", "off") as asked:
        assert threads(asked.pid, "Seccomp", "CapPrm") == threads(os.getpid(), "Seccomp", "CapPrm")


def restricted(capabilities):
    """A prefix that leaves root just these."""
    bounds = ",".join(["-all"] + ["+" + name for name in capabilities])
    return ["setpriv", "--bounding-set=" + bounds, "--inh-caps=-all", "--no-new-privs", "--"]


@pytest.mark.parametrize("lacking", [None, *CAPABILITIES])
def test_with_exactly_these_privileges_and_each_one_missing(start, collector, tmp_path, lacking):
    """A target in a user namespace of its own. What is lost is said in a line; the rest goes on."""
    target = start(BARE_BOOKWORM, "split.py")
    held = [name for name in CAPABILITIES if name != lacking]
    with Asked(tmp_path / "agent", collector.url, "--rate", 500, wrap=restricted(held)) as asked:
        said = [row for row in asked.running.stderr.splitlines() if row.startswith("podflame: CAP_")]
        assert [row.split()[1] for row in said] == (["CAP_" + lacking.upper()] if lacking else []), said
        if lacking == "sys_ptrace":
            eventually(lambda: asked.value("podflame_targets", reason="denied") >= 1, 15, "the refusal is counted")
            eventually(lambda: "CAP_SYS_PTRACE is missing: run as root" in asked.running.stderr, 15, "and said")
            return
        eventually(lambda: collector.series_of(target), 15, lambda: "the container is known: " + asked.running.stderr)
        engine = next(row for row in asked.running.stderr.splitlines() if "agent: mode" in row)
        assert ("timer tick" if lacking == "perfmon" else "perf tick") in engine
        assert ("no SCHED_FIFO" in engine) == (lacking == "sys_nice")
        assert asked.running.interrupt() == 0, asked.running.stderr


@contextlib.contextmanager
def agent_in_container(docker, image, options, arguments):
    """This machine's own program and libraries in a container without anything else."""
    name = "podflame-health-" + secrets.token_hex(4)
    program = pathlib.Path(PODFLAME).resolve()
    command = ["run", "--detach", "--name", name, "--label", "podflame-test", "--network=host",
               "--volume", "/usr:/usr:ro", "--volume", "%s:/app:ro" % program.parent, *options,
               image, "/app/" + program.name, "agent", *arguments]
    try:
        docker.call(*command)
        yield name
    finally:
        docker.call("rm", "--force", "--volumes", name)


def test_docker_with_a_read_only_root(docker, start, collector):
    """As a manifest would have it: all capabilities dropped but these, the default seccomp profile, read-only root."""
    target = start(BOOKWORM, "split.py")
    options = ["--cap-drop=ALL", "--cap-add=SYS_PTRACE", "--cap-add=DAC_READ_SEARCH", "--cap-add=SYS_NICE",
               "--read-only", "--pid=host", "--security-opt=no-new-privileges"]
    arguments = ["--collector", collector.url, "--window", "1s", "--rate", "200", "--confine", "kill"]
    with agent_in_container(docker, images.docker(docker, "bookworm"), options, arguments) as name:
        def logs():
            done = subprocess.run(docker.command("logs", name), capture_output=True, text=True)
            return done.stdout + done.stderr
        eventually(lambda: collector.series_of(target), 20, lambda: "the container is known: " + logs())
        assert "CAP_PERFMON is missing" in logs() and "timer tick" in logs()
        assert docker.call("inspect", "--format", "{{.State.Running}}", name) == "true", logs()
