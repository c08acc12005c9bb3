# SPDX-License-Identifier: Apache-2.0
"""podflame top: on a terminal, and as tables one after another."""

import os
import re
import signal
import subprocess

import pytest

import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, ON_HOST, Case
from program import MARGIN_SECONDS, PODFLAME, Background, eventually, podflame
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
        eventually(lambda: len(figures(terminal.rows())) == 2, 10, lambda: terminal.rows())
        terminal.press("q")
        assert terminal.wait() == 0 and not terminal.is_taken()
    assert target.alive()


def figures(rows):
    """Lines that begin with figures, cut off at the margin or not."""
    return [row for row in rows if re.match(r" +[\d.]+ +[\d.]+  +\S", row)]


def watch(target, *options, **size):
    return Terminal([PODFLAME, "top", "-p", str(target.pid), "-n", "0.2", "-r", "500", *options], **size)


def see(terminal, condition):
    """Waits for the condition of the rows on the screen."""
    eventually(lambda: condition(terminal.rows()), 15, lambda: terminal.rows())


def test_tables_filter_and_callers(start):
    target = start(HOST, "split.py")
    with watch(target, columns=80) as terminal:
        see(terminal, lambda rows: functions(rows)[:1] == ["hot"])
        terminal.press("l")
        see(terminal, lambda rows: "LINE" in rows[2] and re.search(r"hot  \S*split.py:\d+$", rows[3]))
        terminal.press("H")
        see(terminal, lambda rows: rows[2].endswith("THREAD") and "MainThread  tid %d of split.py" % target.pid in rows[3])
        terminal.press("p")
        see(terminal, lambda rows: "split.py (pid %d)" % target.pid in rows[3])
        terminal.press("f/WAR")
        see(terminal, lambda rows: functions(rows) == ["warm"] and rows[-1].startswith("/WAR_ "))
        terminal.press("\r")
        see(terminal, lambda rows: rows[2].endswith("FUNCTION  /WAR") and rows[-1].startswith("q quit"))
        terminal.press("\r")
        see(terminal, lambda rows: rows[2].endswith("CALLER of warm") and functions(rows) == ["main"])
        terminal.press("\x1b")
        see(terminal, lambda rows: rows[2].endswith("FUNCTION") and functions(rows)[0] == "hot")
        terminal.press("\x1b[B\x1b[B\r")  # Down, Down, Enter
        see(terminal, lambda rows: re.search("CALLER of (?!hot)", rows[2]))
        terminal.press("q")
        assert terminal.wait() == 0


def test_help_fits_the_smallest_usual_screen(start):
    with watch(start(HOST, "split.py"), columns=80, lines=24) as terminal:
        see(terminal, functions)
        terminal.press("?")
        see(terminal, lambda rows: rows[0] == "Keys of podflame top")
        rows = terminal.rows()
        assert any("q         quit" in row for row in rows) and any("-m wall" in row for row in rows)
        assert all(len(row) < 80 for row in rows)
        terminal.press("h")
        see(terminal, functions)
        terminal.press("q")
        assert terminal.wait() == 0


def test_head_tells_waits_and_the_gil(start):
    with watch(start(HOST, "threads.py", 0, 1, 2), "-m", "wall") as terminal:
        see(terminal, lambda rows: re.match(r"of the threads' time: run \d+ %, wait for the GIL \d+ %, \w+ \d+ %", rows[2]))
        assert "SELF%*" in terminal.rows()[3]
        terminal.press("q")
        assert terminal.wait() == 0
    with watch(start(HOST, "split.py"), "-m", "gil") as terminal:
        see(terminal, lambda rows: re.match(r"the GIL was held (9\d|100) % of the time", rows[2]))
        terminal.press("q")
        assert terminal.wait() == 0


def test_rows_by_program(start):
    pids = [word for script in ("split.py", "split.py", "path.py") for word in ("-p", start(HOST, script).pid)]
    done = podflame("top", *pids, "--by", "program", "-r", 500, "-d", 1.5)
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("\n\n")[-2].splitlines()
    assert table[2].split() == ["RUN%*", "ALL%", "RUN", "s", "ALL", "s", "PROGRAM"]
    assert {row.split()[-1] for row in table[3:]} == {"split.py", "path.py"}


def test_reader_that_has_enough(start):
    """As others do, it ends by SIGPIPE, with no word."""
    target = start(HOST, "split.py")
    process = subprocess.Popen([PODFLAME, "top", "--plain", "-n", "0.1", "-p", str(target.pid)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(MARGIN_SECONDS) == -signal.SIGPIPE and process.stderr.read() == b""


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
