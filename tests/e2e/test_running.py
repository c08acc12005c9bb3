# SPDX-License-Identifier: Apache-2.0
"""podflame check --base-dir DIR --new-dir DIR -- COMMAND: real runs, judged until it can be told."""

import json
import os
import re
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


@pytest.mark.parametrize("side", ["base", "new"])
def test_a_worktree_that_does_not_build_is_invalid(dirs, side):
    """The command builds first. The report names the side, the directory, and the build's last words."""
    for name in ("base", "new"):
        (dirs / name / "Makefile").write_text("all:\n\t@%s\n" % ("echo no rule for parser.c; false" if name == side else "true"))
    done = check(dirs, command=("--", "sh", "-c", "make -s 2>/dev/null && exec /usr/bin/python3 -S program.py"))
    assert done.returncode == INVALID and "invalid: sh ended with status 2" in done.stdout, done.stdout
    assert "%s (%s): no rule for parser.c" % (dirs / side, side) in done.stdout, done.stdout
    assert not left_behind(dirs)


def test_code_that_does_not_compile_is_invalid(dirs):
    (dirs / "new/program.py").write_text("def parse(:\n")
    done = check(dirs)
    assert done.returncode == INVALID and "(new): SyntaxError" in done.stdout, done.stdout


SUITE = """
import os, pathlib

def work(n):
    for i in range(n): pass

def test_always():
    for _ in range(1000): work(20000)

def test_sometimes():
    runs = pathlib.Path("runs")
    runs.write_text(str(int(runs.read_text()) + 1 if runs.exists() else 0))
    for _ in range(1000 if %s else 0): work(20000)
"""
PYTEST = ("--", "/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")


def test_other_tests_in_some_runs_are_named(dirs):
    """A test that does nothing in every other run of a side: its time is not to be compared."""
    for name in ("base", "new"):
        (dirs / name / "test_it.py").write_text(SUITE % "int(runs.read_text()) % 2 == 0")
    done = check(dirs, "--budget", "240s", "--rate", "1000", command=PYTEST)
    assert done.returncode == INVALID, done.stdout
    assert "other tests ran in some runs of a side than in others: test_sometimes" in done.stdout, done.stdout


def test_a_test_that_fails_is_invalid(dirs):
    (dirs / "base/test_it.py").write_text(SUITE % "True")
    (dirs / "new/test_it.py").write_text(SUITE % "True" + "    assert False\n")
    done = check(dirs, command=PYTEST)
    assert done.returncode == INVALID and "(new): 1 failed, 1 passed" in done.stdout, done.stdout


def test_tests_of_one_side_are_left_out_and_told(dirs):
    """What a change's own tests cost is no regression. The report tells how much was left out."""
    (dirs / "new/test_it.py").write_text(SUITE % "True")
    (dirs / "base/test_it.py").write_text((SUITE % "True").replace("def test_sometimes", "def helper"))
    done = check(dirs, "--budget", "240s", "--rate", "1000", "-f", "json", command=PYTEST)
    report = json.loads(done.stdout)
    assert report["verdict"] == "inconclusive", report["sentence"]
    # One function has all that is judged: more runs would not tell more.
    assert "nothing to judge" in report["sentence"] and report["base"]["runs"] <= 6, report
    # Both tests do the same work. How long pytest itself takes differs from machine to machine.
    assert report["scope"]["left_out"]["one_sided"]["new"] > 0.8 * report["scope"]["judged"]["new"], report["scope"]


@pytest.mark.parametrize("budget, left_out", [("5s", 0), ("10m", 1)])
def test_the_first_run_of_a_side_is_left_out_if_runs_are_short(dirs, budget, left_out):
    """Short: a pair of runs takes less than a tenth of the budget."""
    for name in ("base", "new"):
        with (dirs / name / "program.py").open("a") as out:
            out.write("open('count', 'a').write('x')\nimport time; time.sleep(0.3)\n")
    report = json.loads(check(dirs, "--budget", budget, "-f", "json").stdout)
    made = re.search(r"(\d+) runs a side were made", " ".join(report["notes"]))
    assert made, report
    for name in ("base", "new"):
        assert len((dirs / name / "count").read_text()) == int(made[1]) + left_out


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
