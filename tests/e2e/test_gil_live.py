# SPDX-License-Identifier: Apache-2.0
"""podflame gil --live: on a terminal, and as reports one after another."""

import os
import re
import signal
import subprocess

import pytest

from interpreters import ON_HOST, Case
from program import PODFLAME, Background, eventually, podflame
from terminal import Terminal
from test_bad_input import refused

HOST = Case(ON_HOST[0], "host")
FUNCTION = re.compile(r" *([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)   (\w+)  .*gil_blame.py")
THREAD = re.compile(r"(?: *[\d.]+){5}   \d+ (\w+)")
TITLES = [["NOW", "WAITED", "s", "WANTED", "s", "HELD", "s", "FUNCTION", "THAT", "HELD", "IT"],
          ["RUNNING%", "HOLDING%", "WAITING%", "IDLE%", "UNKNOWN%", "THREAD"]]


def live(target, *arguments):
    return [PODFLAME, "gil", "--live", "-p", str(target.pid), "--interval", "0.3", "-r", "250", *arguments]


def functions(rows):
    """{name: (threads that wait now, seconds waited, wanted, held)}"""
    return {m[5]: tuple(map(float, m.groups()[:4])) for m in map(FUNCTION.fullmatch, rows) if m}


def threads(rows):
    return [match[1] for match in map(THREAD.fullmatch, rows) if match]


@pytest.fixture
def target(start):
    return start(HOST, "gil_blame.py", 0, 3)


def test_screen_and_keys(target):
    with Terminal(live(target, "--confine", "kill")) as terminal:
        eventually(lambda: threads(terminal.rows()).count("wants") == 3, 20, lambda: terminal.rows())
        rows = terminal.rows()
        assert "process %d: " % target.pid in rows[0] and rows[-1] == "q quit  space hold  r reset"
        assert [row.split() for row in rows if row.split() in TITLES] == TITLES
        now = [row[0] for row in functions(rows).values()]
        assert now == sorted(now, reverse=True), "the most to blame of the last interval comes first"
        eventually(lambda: functions(terminal.rows()).get("big", (0, 0))[1] > 2, 20, lambda: terminal.rows())
        assert functions(terminal.rows())["big"][0] <= 4, "three, and the main thread at times"
        terminal.press(" ")
        eventually(lambda: ", paused, " in terminal.rows()[0], 10, lambda: terminal.rows())
        terminal.press(" ")
        eventually(lambda: ", paused, " not in terminal.rows()[0], 10, lambda: terminal.rows())
        before = functions(terminal.rows())["big"][1]
        terminal.press("r")
        eventually(lambda: functions(terminal.rows()).get("big", (0, before))[1] < before, 10, lambda: terminal.rows())
        terminal.set_size(60, 10)
        eventually(lambda: len(terminal.rows()) == 10 and "THREAD" in "".join(terminal.rows()), 10, lambda: terminal.rows())
        terminal.press("q")
        assert terminal.wait() == 0 and not terminal.is_taken()
    assert target.alive()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_give_the_terminal_back(target, number):
    with Terminal(live(target)) as terminal:
        eventually(lambda: functions(terminal.rows()), 20, lambda: terminal.rows())
        assert terminal.is_taken()
        os.kill(terminal.process.pid, number)
        assert terminal.wait() == 0 and not terminal.is_taken()


def test_end_of_the_process_is_said(start):
    with Terminal(live(start(HOST, "gil_blame.py", 3, 2))) as terminal:
        assert terminal.wait() == 0
        assert any("has ended" in row for row in terminal.rows()), terminal.rows()


def test_reports_one_after_another(target):
    done = podflame(*live(target)[1:], "-d", 2)
    assert done.returncode == 0 and "\x1b" not in done.stdout, done.stderr
    reports = done.stdout.split("\n\n\n")
    assert reports.pop() == "" and 2 <= len(reports) <= 8
    waited = [functions(report.splitlines())["big"][1] for report in reports]
    assert waited == sorted(waited) and waited[-1] > 1, "it is summed up"
    assert all(threads(report.splitlines()).count("wants") == 3 for report in reports)


def test_a_pipe_that_closes_ends_it(target):
    read, write = os.pipe()
    with os.fdopen(read) as out:
        process = subprocess.Popen(live(target), stdout=write, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.close(write)
        assert "process %d: " % target.pid in out.readline()
    assert process.wait(20) != 0


def test_it_goes_on_until_it_is_told_to_end(target, tmp_path):
    with Background(tmp_path / "gil", *live(target)[1:]) as running:
        eventually(lambda: len(running.stdout.split("\n\n\n")) > 4, 20, lambda: running.stdout)
        assert running.process.poll() is None
        assert running.interrupt() == 0


@pytest.mark.parametrize("arguments, words", [
    (["--json"], ["--live", "--json"]),
    (["--interval", "0"], ["--interval"]),
], ids=lambda value: " ".join(value))
def test_wrong_usage(arguments, words):
    refused(podflame("gil", "-p", "1", "--live", *arguments), *words, status=2)
