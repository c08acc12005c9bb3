# SPDX-License-Identifier: Apache-2.0
"""Memory that does not answer, whatever was looked at before it is read: it holds up nobody but its owner."""

import contextlib
import json
import pathlib
import platform
import re
import signal
import time
import urllib.request

import pytest

import collector
import hostile
import truth
from program import MARGIN_SECONDS, Background, cpu_seconds, eventually, podflame
from testbed import PROJECT, containers

DONE_SECONDS = 60  # what takes longer waits for a page
PYTHON = "/usr/bin/python3.11"
SILENCE = "its memory does not answer"
READING = {"x86_64": "310", "aarch64": "270"}[platform.machine()]  # process_vm_readv()
# Engine timer makes up for the 2.5 s of a CPU whose reader hangs by some tens of samples that count for up to 76 each
# (balance.c), and in modes wall and gil a reading counts for as long as nobody looks. That has a sigma of 3 points. If
# the trap took a third of the time, hot would be 23 points off.
TOLERANCE = 0.12


def lay(process):
    """Tells a trap.py to lay its trap; it is laid on return."""
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "trap\n"


@contextlib.contextmanager
def served(place):
    """A Python, of root, whose userfaultfd never serves the pages of @place."""
    with hostile.running("trap.py", place, user=()) as target:
        lay(target)
        yield target


def victim():
    return containers.Host(["/usr/bin/python3", "split.py"], PROJECT / "tests/targets")


@pytest.mark.parametrize("command", ["ps", "dump", "doctor", "record"])
def test_a_command_says_what_does_not_answer(command):
    with served("runtime") as target:
        done = podflame(*(("ps", "--json") if command == "ps" else (command, "-p", target.pid)), timeout=DONE_SECONDS)
    assert done.returncode == (command != "ps"), done.stderr
    if command == "ps":
        [reason] = [process["reason"] for process in json.loads(done.stdout) if process["pid"] == target.pid]
        assert SILENCE in reason
    else:
        assert SILENCE in done.stdout + done.stderr


def test_the_agent_leaves_it_alone_and_finds_others(tmp_path):
    port = collector.free_port()

    def get(path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=MARGIN_SECONDS) as answer:
            return answer.read().decode()

    with served("runtime") as target, collector.Collector(tmp_path / "collector") as store, \
            collector.agent(tmp_path / "agent", store.url, "--window", 1, "--listen", "127.0.0.1:%d" % port) as agent:
        eventually(lambda: "process %d: not profilable" % target.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
        with victim():  # not by the log, which leaves lines out where there are many
            eventually(lambda: "split.py" in json.dumps(store.json("series")), MARGIN_SECONDS, lambda: agent.stderr)
        # Other tests lay traps at the same time.
        assert re.search(r'podflame_targets{state="unreadable",reason="hangs"} [1-9]', get("/metrics"))
        assert get("/healthz").strip() == "ok"
        assert len(re.findall("process %d: .*%s" % (target.pid, SILENCE), agent.stderr)) == 1


# ---- mapped after it was opened ----------------------------------------------------------


@contextlib.contextmanager
def to_be_trapped():
    """A Python, of nobody, which lays its trap when it is told to: it maps a file that its server never reads."""
    with hostile.mounted(PYTHON, 0, "killable") as file, hostile.running("trap.py", "thread", file) as target:
        yield target


def samples_of_victim(text):
    stacks = truth.parse_folded(text)
    return [(frames, count) for frames, count in stacks if frames[-1].name in truth.SPLIT]


def assert_roughly(counts):
    n = sum(counts[name] for name in truth.SPLIT)
    assert n > 1000, counts
    for name, share in truth.SPLIT.items():
        assert abs(counts[name] / n - share) < TOLERANCE, "%s: %d of %d, truth %.2f" % (name, counts[name], n, share)


@pytest.mark.parametrize("options", [("--engine", "perf"), ("--engine", "timer"), ("-m", "wall"), ("-m", "gil")],
                         ids=["perf", "timer", "wall", "gil"])
def test_a_recording_goes_on_beside_it_and_ends(options, tmp_path):
    """Others have their true shares, and the status says that one is missing."""
    out = tmp_path / "out.folded"
    with to_be_trapped() as target, victim() as other, \
            Background(tmp_path / "record", "record", "-r", 499, "-d", 600, "-p", target.pid, "-p", other.pid, "-o", out,
                       *options) as recording:
        eventually(lambda: cpu_seconds(other.pid) > 1, MARGIN_SECONDS, "the victim runs")
        lay(target)
        if "gil" not in options:  # whose holder is read before its thread state is
            eventually(lambda: SILENCE in recording.stderr, MARGIN_SECONDS, lambda: recording.stderr)
        before = cpu_seconds(other.pid)
        eventually(lambda: cpu_seconds(other.pid) > before + 4, MARGIN_SECONDS, "the victim goes on")
        status = recording.interrupt(DONE_SECONDS)
        if "gil" not in options:
            assert status == 1, recording.stderr
            assert recording.stderr.count(SILENCE) == 1
    counts = truth.leaves(samples_of_victim(out.read_text()))
    if "perf" in options:
        truth.assert_shares(counts, truth.SPLIT)
    else:
        assert_roughly(counts)


def hangs(pid):
    """Whether a thread of the process is in a reading, and asleep."""
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        with contextlib.suppress(OSError):
            if (task / "syscall").read_text().split()[0] == READING:  # else "running"
                return True
    return False


AS_PYFLAME = ["bash", "-c", 'exec -a pyflame "$@"', "-"]


@pytest.mark.parametrize("wrap, command", [
    ((), ("record", "-d", 600)), ((), ("top", "--plain")), (AS_PYFLAME, ("-s", 600, "--threads"))],
    ids=["record", "top", "pyflame"])
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_a_command_ends_when_it_is_told_to(wrap, command, told, tmp_path):
    """Before anybody knows that its reader hangs; and what hangs can be killed."""
    with to_be_trapped() as target, Background(tmp_path, *command, "-p", target.pid, wrap=wrap) as running:
        eventually(lambda: cpu_seconds(running.process.pid) > 0.03, MARGIN_SECONDS, lambda: running.stderr)
        lay(target)
        eventually(lambda: hangs(running.process.pid), MARGIN_SECONDS, lambda: running.stderr)
        running.process.send_signal(told)
        running.process.wait(DONE_SECONDS)


@pytest.mark.parametrize("mode", ["cpu", "cpu,wall"])
def test_the_agent_goes_on_beside_it_and_ends(mode, tmp_path):
    """Whichever of two samplers hangs at it first: both drop it, and both serve others."""
    with to_be_trapped() as target, collector.Collector(tmp_path / "collector") as store, \
            collector.agent(tmp_path / "agent", store.url, "--window", 1, "-r", 499, "--mode", mode) as agent:
        eventually(lambda: "process %d: Python" % target.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
        lay(target)
        eventually(lambda: SILENCE in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
        silent = time.time()
        with victim():  # not by the log, which leaves lines out where there are many
            eventually(lambda: mode.split(",") in [one["modes"] for one in store.json("series")
                                                   if one["service"] == "split.py" and one["last_seen"] > silent + 2],
                       MARGIN_SECONDS, lambda: agent.stderr)
        agent.process.terminate()
        assert agent.process.wait(DONE_SECONDS) == 0
        assert len(re.findall("process %d: .*%s" % (target.pid, SILENCE), agent.stderr)) == 1
