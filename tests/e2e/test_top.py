# SPDX-License-Identifier: Apache-2.0
"""podflame top: on a terminal, and as tables one after another."""

import os
import re
import signal

import pytest

import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, ON_HOST, Case
from program import PODFLAME, Background, eventually, podflame
from terminal import Terminal
from test_bad_input import refused

HOST = Case(ON_HOST[0], "host")
ROW = re.compile(r" *([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)   (.+?)(?:  (.+))?")


def tables(text):
    """[(the two lines of the head, {function: (self %, total %, self s, total s)})] of plain output."""
    read = []
    for table in text.split("\n\n")[:-1]:
        rows = table.splitlines()
        matches = [ROW.fullmatch(row) for row in rows[3:]]
        assert "FUNCTION" in rows[2] and all(matches), table
        read.append((rows[:2], {m[5]: tuple(float(m[i]) for i in range(1, 5)) for m in matches}))
    return read


def functions(rows):
    """The names on a screen, from its top down."""
    return [match[5] for match in map(ROW.fullmatch, rows) if match]


@pytest.mark.parametrize("case", [BOOKWORM, BARE_BOOKWORM, HOST], ids=str)
def test_true_shares_as_tables(start, case):
    target = start(case, "split.py")
    done = podflame("top", "-p", target.pid, "-r", 1000, "-n", 1, "-d", 4.5)
    assert done.returncode == 0, done.stderr
    read = tables(done.stdout)
    assert 2 <= len(read) <= 5  # fewer where it is kept waiting
    head, last = read[-1]
    # Of a sample's millisecond; seconds are written with two digits.
    truth.assert_shares({name: 1000 * last[name][2] for name in truth.SPLIT}, truth.SPLIT)
    assert "process %d: " % target.pid in head[0] and re.search(r"\d+ samples \(\w+ tick.*\).*; torn 0, late", head[1])
    assert last["main"][3] >= max(last[name][2] for name in truth.SPLIT)
    for _, functions_ in read:
        assert list(functions_)[0] == "hot", "the most of the last interval comes first"
        assert functions_["main"][1] <= 130, "per cent of one CPU"


def test_container_by_its_name(start):
    target = start(BOOKWORM, "split.py")
    done = podflame("top", "-c", target.name, "-d", 1, "-o", "total-time")
    head, shown = tables(done.stdout)[-1]
    assert "container " + target.name in head[0]
    assert list(shown)[0] in ("<module>", "main")


def test_screen_and_keys(start):
    target = start(HOST, "split.py")
    with Terminal([PODFLAME, "top", "-p", str(target.pid), "-n", "0.2", "-r", "500"]) as terminal:
        eventually(lambda: functions(terminal.rows())[:1] == ["hot"], 10, lambda: terminal.rows())
        rows = terminal.rows()
        assert "% running" in rows[0] and "SELF%*" in rows[2] and rows[-1].startswith("q quit")
        assert rows[3].endswith("split.py")
        terminal.press("T")
        eventually(lambda: "TOTAL s*" in terminal.rows()[2], 10, lambda: terminal.rows())
        eventually(lambda: functions(terminal.rows())[0] in ("<module>", "main"), 10, lambda: terminal.rows())
        terminal.press(" ")
        eventually(lambda: ", paused," in terminal.rows()[0], 10, lambda: terminal.rows())
        terminal.press(" ")
        eventually(lambda: ", paused," not in terminal.rows()[0], 10, lambda: terminal.rows())
        terminal.press("r")
        terminal.set_size(30, 6)
        eventually(lambda: len(functions_on(terminal.rows())) == 2, 10, lambda: terminal.rows())
        terminal.press("q")
        assert terminal.wait() == 0 and not terminal.is_taken()
    assert target.alive()


def functions_on(rows):
    """Lines that begin with four figures, cut off at the margin or not."""
    return [row for row in rows if re.match(r" +[\d.]+ +[\d.]+ +[\d.]+", row)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_give_the_terminal_back(start, number):
    target = start(HOST, "split.py")
    with Terminal([PODFLAME, "top", "-p", str(target.pid), "-n", "0.2"]) as terminal:
        eventually(lambda: functions(terminal.rows()), 10, lambda: terminal.rows())
        assert terminal.is_taken()
        os.kill(terminal.process.pid, number)
        assert terminal.wait() == 0 and not terminal.is_taken()


def test_end_of_the_process_is_said(start):
    target = start(HOST, "exits.py", 3.0)
    with Terminal([PODFLAME, "top", "-p", str(target.pid), "-n", "0.2"]) as terminal:
        assert terminal.wait() == 0
        assert any("has ended" in row for row in terminal.rows()), terminal.rows()
    done = podflame("top", "-p", start(HOST, "exits.py", 3.0).pid)
    assert done.returncode == 0 and "has ended" in done.stderr
    assert tables(done.stdout)


def test_newcomers_of_a_container_are_counted(start, docker, tmp_path):
    target = start(BOOKWORM, "split.py")
    with Background(tmp_path / "top", "top", "-s", "-c", target.name, "-n", "0.2") as top:
        eventually(lambda: "1 process, " in top.stdout, 10, lambda: top.stdout)
        docker.call("exec", "--detach", target.id, "python3", "/app/path.py")
        eventually(lambda: "2 processes, " in top.stdout, 10, lambda: top.stdout)
        assert top.interrupt() == 0
        assert "main" in tables(top.stdout)[-1][1]


def test_terminal_that_cannot_be_drawn_on(start):
    target = start(HOST, "split.py")
    with Terminal([PODFLAME, "top", "-p", str(target.pid), "-d", "1"], TERM="none-of-that-name") as terminal:
        assert terminal.wait() == 0
        assert functions(terminal.rows())[:1] == ["hot"], terminal.rows()


@pytest.mark.parametrize("arguments, words", [
    ([], ["-p PID"]),
    (["-p", "1", "--sort", "size"], ["--sort", "size", "total-time"]),
    (["-p", "1", "-n", "0"], ["--interval"]),
    (["-p", "1", "more"], ["more"]),
], ids=lambda value: " ".join(value) or "nothing")
def test_wrong_usage(arguments, words):
    refused(podflame("top", *arguments), *words, status=2)
