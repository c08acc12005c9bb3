# SPDX-License-Identifier: Apache-2.0
"""Children that end before anybody has opened them: their time is in the books of their family all the same."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys

import pytest

from program import MARGIN_SECONDS, Background, eventually

from test_lost import WITHOUT_PERF
from testbed import PROJECT

BIRTHS = [sys.executable, "-I", "-S", str(PROJECT / "tests/targets/births.py")]
WITHOUT_EVENTS = [sys.executable, str(pathlib.Path(__file__).with_name("without_perf.py"))]
KNOWN = 0.02  # of the kernel's account may be missing, or too much
END = 0.03  # seconds that a program may take to end after it has printed what it used
SECONDS = re.compile(r"coverage [\d.]+ %: of ([\d.]+) s of CPU time")
FOREIGN = re.compile(r"([\d.]+) s of CPU time were used by descendants that run no Python")


def arguments(children, life, kind, together=1):
    return ["--children", children, "--life", life, "--kind", kind, "--together", together]


def booked(said):
    """(all CPU time that podflame knows of, what of it is foreign)"""
    foreign = FOREIGN.search(said)
    foreign = float(foreign[1]) if foreign else 0
    return float(SECONDS.search(said)[1]) + foreign, foreign


def recorded(tmp_path, *words, wrap=(), options=()):
    """What podflame said of a command's run, and (own, children's, told) CPU seconds."""
    done = subprocess.run([str(word) for word in (
        *wrap, PROJECT / "build/podflame", "record", "-s", "-v", *options, "-o", tmp_path / "out.folded", "--",
        *BIRTHS, *words)], capture_output=True, text=True, timeout=MARGIN_SECONDS * 4)
    assert done.returncode == 0, done.stderr
    return done.stderr, [float(word) for word in done.stdout.split()]


def stolen_seconds():
    """The time that the host of this virtual machine has taken from its CPUs: proc_stat(5)."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[8]) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(autouse=True)
def note_stolen():
    near.stolen_before = stolen_seconds()


def near(seconds, part=KNOWN):
    """What the kernel tells of children that have ended is by a clock that goes on while the host takes the CPU away."""
    return pytest.approx(seconds, abs=part * seconds + END + stolen_seconds() - near.stolen_before)


@contextlib.contextmanager
def crowd(n):
    """Others who want the CPUs."""
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            stack.callback(stack.enter_context(subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"])).kill)
        yield


# Without CAP_PERFMON the kernel still tells of one's own; where events are refused, accounts of parents do.
WAYS = {"all": ([], []), "no-perfmon": (WITHOUT_PERF, []), "no-events": (WITHOUT_EVENTS, ["--engine", "timer"])}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("life, children", [(5, 200), (20, 200), (50, 60)])
def test_family_of_a_command(tmp_path, life, children, way):
    wrap, options = WAYS[way]
    said, (own, others, _) = recorded(tmp_path, *arguments(children, life, "fork"), wrap=wrap, options=options)
    assert booked(said)[0] == near(own + others), said


SAMPLED = re.compile(r"samples stand for ([\d.]+) s")
LEAST = {5: 0.75, 20: 0.88, 50: 0.9}  # 0.5 ms of a child are its end, in which there is nothing to read


@pytest.mark.parametrize("life, children", [(5, 200), (20, 60), (50, 30)])
def test_on_a_crowded_machine(tmp_path, life, children):
    """All of it is known, and what it was; the samples are many enough for chance to play no part."""
    with crowd(4):
        said, (own, others, _) = recorded(tmp_path, *arguments(children, life, "fork", 4), options=["-r", 1999])
    assert booked(said)[0] == near(own + others), said
    assert float(SAMPLED.search(said)[1]) > LEAST[life] * (own + others), said


@pytest.mark.parametrize("kind", ["python", "grandchild"])
@pytest.mark.parametrize("way", WAYS)
def test_descendants(tmp_path, kind, way):
    wrap, options = WAYS[way]
    said, (own, others, _) = recorded(tmp_path, *arguments(60, 20, kind, 2), wrap=wrap, options=options)
    assert booked(said)[0] == near(own + others), said


# The kernel does not tell them what the end of such a process takes.
@pytest.mark.parametrize("kind, way", [("daemon", "all"), ("daemon", "no-perfmon"), ("daemon", "no-events"),
                                       ("unwaited", "all"), ("unwaited", "no-perfmon")])
def test_nobody_waits_for_them(tmp_path, kind, way):
    wrap, options = WAYS[way]
    said, (own, others, told) = recorded(tmp_path, *arguments(40, 50, kind, 2), wrap=wrap, options=options)
    assert booked(said)[0] == near(own + others + told, 2 * KNOWN), said


@pytest.mark.parametrize("way", ["all", "no-perfmon"])
def test_other_programs_are_told_apart(tmp_path, way):
    wrap, options = WAYS[way]
    said, (own, others, _) = recorded(tmp_path, *arguments(40, 20, "program"), wrap=wrap, options=options)
    known, foreign = booked(said)
    assert known == near(own + others), said
    assert foreign > 0.8 * others, said


@pytest.mark.parametrize("way", ["all", "no-perfmon"])
def test_family_of_a_process(tmp_path, way):
    wrap, options = WAYS[way]
    command = [str(word) for word in (*BIRTHS, *arguments(100, 10, "fork"), "--gate")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        with Background(tmp_path / "run", "record", "-v", "-s", "-d", 600, "-p", process.pid, *options, wrap=wrap) as run:
            eventually(lambda: "engine:" in run.stderr, MARGIN_SECONDS, lambda: run.stderr)
            process.stdin.write("\n")
            process.stdin.flush()
            own, others, _ = (float(word) for word in process.stdout.readline().split())
            assert run.interrupt() == 0, run.stderr
        assert booked(run.stderr)[0] == near(own + others), run.stderr


def test_children_of_before_are_not_in_it(tmp_path):
    """A child that has worked before anything was recorded, and ends meanwhile."""
    code = "import os, sys, time\nr, w = os.pipe()\npid = os.fork()\nif pid == 0:\n" \
           "    while time.process_time() < 1: pass\n    os.close(w); print('ready', flush=True); os.read(r, 1)\n" \
           "    os._exit(0)\nsys.stdin.readline(); os.close(w); os.close(r); os.kill(pid, 9); os.wait()\n" \
           "print('done', flush=True); sys.stdin.read()"
    with subprocess.Popen(["/usr/bin/python3", "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == "ready\n"
        with Background(tmp_path / "run", "record", "-v", "-s", "-d", 600, "-p", process.pid) as run:
            eventually(lambda: "engine:" in run.stderr, MARGIN_SECONDS, lambda: run.stderr)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            run.interrupt()
        found = SECONDS.search(run.stderr)
        assert not found or float(found[1]) < 0.2, run.stderr


def test_top_tells_them(tmp_path):
    command = [str(word) for word in (*BIRTHS, *arguments(100, 5, "fork"), "--gate")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        with Background(tmp_path / "run", "top", "-s", "-p", process.pid, "-n", 0.5, "--plain") as top:
            eventually(lambda: "FUNCTION" in top.stdout, MARGIN_SECONDS, lambda: top.stderr)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline()
            eventually(lambda: re.search(r"coverage \d+", top.stdout), MARGIN_SECONDS, lambda: top.stdout[-2000:])
            assert top.interrupt() == 0
