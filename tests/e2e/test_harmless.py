# SPDX-License-Identifier: Apache-2.0
"""Profiling leaves the target as it was: never stopped, never written to, nothing in its container."""

import shutil
import subprocess

import pytest

import truth
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import PODFLAME, podflame
from skips import must_skip

FORBIDDEN = "process_vm_writev,ptrace,setns"


def traced(tmp_path, *arguments, calls=FORBIDDEN):
    """Runs podflame under strace; which of these system calls it made."""
    if not shutil.which("strace"):
        must_skip("strace is missing: apt-get install strace")
    log = tmp_path / "strace"
    done = podflame(*arguments, wrap=["strace", "-f", "-qq", "-o", log, "-e", "trace=" + calls, "-e", "signal=none"])
    assert done.returncode == 0, done.stderr
    return [row for row in log.read_text().splitlines() if "exited with" not in row], done


@pytest.mark.parametrize("mode", ["cpu", "wall", "gil"])
@pytest.mark.parametrize("case", [BOOKWORM, BARE_BOOKWORM], ids=str)
def test_record_only_reads(start, tmp_path, case, mode):
    target = start(case, "split.py")
    calls, done = traced(tmp_path, "record", "-c", target.name, "-d", 2, "-m", mode)
    assert calls == []
    assert truth.leaves(truth.parse_folded(done.stdout))["hot"] > 2
    assert target.alive()


@pytest.mark.parametrize("arguments", [("dump", "-p"), ("ps",)], ids=lambda a: a[0])
def test_looking_only_reads(start, tmp_path, arguments):
    target = start(BOOKWORM, "split.py")
    extra = [target.pid] if "-p" in arguments else []
    calls, _ = traced(tmp_path, *arguments, *extra)
    assert calls == []


def test_nothing_is_written_in_the_container(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    assert podflame("record", "-c", target.name, "-d", 1, "-o", tmp_path / "x.html").returncode == 0
    assert podflame("dump", "-c", target.name).returncode == 0
    assert target.diff() == ""


def test_no_file_of_the_target_is_run(start, tmp_path):
    """Every program that podflame and its children execute is podflame itself."""
    target = start(BOOKWORM, "split.py")
    runs, _ = traced(tmp_path, "record", "-c", target.name, "-d", 1, calls="execve,execveat")
    assert len(runs) == 1 and PODFLAME in runs[0]


def test_killed_recorder_leaves_the_target_running(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    with pytest.raises(subprocess.TimeoutExpired):
        podflame("record", "-p", target.pid, "-d", 60, "-r", 5000, timeout=1)  # killed with SIGKILL
    before = target.cpu_seconds()
    truth.assert_shares(truth.leaves(truth.parse_folded(podflame(
        "record", "-p", target.pid, "-d", 1, "-r", 1000).stdout)), truth.SPLIT)
    assert target.cpu_seconds() > before + 0.05
