# SPDX-License-Identifier: Apache-2.0
"""podflame check --base-dir DIR --new-dir DIR -- COMMAND: real runs, judged until it can be told."""

import json
import os
import signal
import subprocess
import time

import pytest

from program import MARGIN_SECONDS, PODFLAME, podflame

REGRESSION, INVALID, INCONCLUSIVE = 1, 2, 3
PROGRAM = """
def parse(n):
    for i in range(n): pass

def render(n):
    for i in range(n): pass

for _ in range(200):
    parse(%d)
    render(20000)
"""
COMMAND = ("--", "/usr/bin/python3", "-S", "program.py")


@pytest.fixture
def dirs(tmp_path):
    for name, work in (("base", 12000), ("new", 36000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "program.py").write_text(PROGRAM % work)
    return tmp_path


def check(dirs, *words, base="base", command=COMMAND):
    return podflame("check", "--base-dir", dirs / base, "--new-dir", dirs / "new", *words, *command, timeout=300,
                    env={**os.environ, "TMPDIR": str(dirs)})


def left_behind(dirs):
    return [path.name for path in dirs.iterdir() if path.name.startswith("podflame-")]


def test_what_became_slower_is_named(dirs):
    done = check(dirs, "-f", "json")
    report = json.loads(done.stdout)
    assert done.returncode == REGRESSION, report["sentence"]
    assert report["causes"][0]["function"] == "program.py:parse"
    assert report["base"]["name"] == str(dirs / "base") and report["base"]["runs"] >= 3
    assert any("runs a side were made in turn" in note for note in report["notes"])
    assert not left_behind(dirs)


def test_a_budget_ends_it(dirs):
    done = check(dirs, "--budget", "1s", "--points", "0.1", "--relative", "1", "-f", "json", base="new")
    assert done.returncode in (INCONCLUSIVE, INVALID) and not left_behind(dirs)


@pytest.mark.parametrize("command, reason", [
    (("--", "/usr/bin/python3", "-c", "print('so it is'); raise SystemExit(3)"), "status 3"),
    (("--", "/nowhere/python3"), "status 127"), (("--", "true"), "status 1")])
def test_a_command_that_fails_is_invalid(dirs, command, reason):
    done = check(dirs, command=command)
    assert done.returncode == INVALID and reason in done.stdout, done.stdout
    assert str(dirs / "base") in done.stdout and not left_behind(dirs)


def test_a_worktree_that_is_not_there_is_invalid(dirs):
    done = check(dirs, base="none")
    assert done.returncode == INVALID and "is no directory" in done.stdout


@pytest.mark.parametrize("words", [["--base-dir", "."], ["--", "true"], ["--base-dir", ".", "--new", "x", "--", "true"],
                                   ["--base-dir", ".", "true"]])
def test_called_wrongly(words):
    assert podflame("check", *words).returncode == INVALID


def test_the_command_ends_with_podflame(dirs):
    marker = "7654.25"
    process = subprocess.Popen([PODFLAME, "check", "--base-dir", dirs / "base", "--new-dir", dirs / "new", "--",
                                "/usr/bin/python3", "-c", "import time; time.sleep(%s)" % marker],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "TMPDIR": str(dirs)})

    def command_runs():
        listed = subprocess.run(["pgrep", "-f", "^/usr/bin/python3 -c.*sleep.%s" % marker], capture_output=True)
        return listed.returncode == 0

    deadline = time.monotonic() + MARGIN_SECONDS
    while not command_runs() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=MARGIN_SECONDS)
    assert process.returncode == INVALID and "stopped by signal" in out
    assert not command_runs() and not left_behind(dirs)
