# SPDX-License-Identifier: Apache-2.0
"""Processes whose main thread has ended before others: the kernel calls them zombies, and they work."""

import contextlib
import json
import os
import pathlib
import subprocess

import pytest

import truth
from interpreters import ON_HOST, SUPPORTED_ON_HOST, Case
from program import MARGIN_SECONDS, PODFLAME, Background, cpu_seconds, eventually, podflame
from skips import must_skip
from test_libpython import HOST, SCRIPT
from testbed import PROJECT

# One case a minor version.
CASES = list({i.version: Case(i, "host") for i in SUPPORTED_ON_HOST}.values())


def state(pid):
    text = pathlib.Path("/proc/%d/stat" % pid).read_text()
    return text.rpartition(")")[2].split()[0]


def stacks_of(*arguments):
    """Of recordings until there are enough samples."""
    stacks = []
    while truth.total(stacks) < 50:
        done = podflame("record", *arguments, "-d", 1, "-r", 500)
        assert done.returncode == 0, done.stderr
        stacks += truth.parse_folded(done.stdout)
    return stacks


def works(stacks):
    return all(truth.names(frames, "work")[:1] == ["work"] for frames, _ in stacks)


@contextlib.contextmanager
def outlived(case, delay):
    command = [*case.interpreter.command, str(PROJECT / "tests/targets/outlived.py"), "0", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_process_without_its_main_thread(case):
    with outlived(case, 0) as process:
        eventually(lambda: state(process.pid) == "Z", 10, "the main thread ends")
        listed = {p["pid"]: p for p in json.loads(podflame("ps", "--json").stdout)}
        assert listed[process.pid]["profilable"]
        assert works(stacks_of("-p", process.pid))
        assert works(stacks_of("-p", process.pid, "-m", "wall"))
        dumped = podflame("dump", "-p", process.pid, "--json")
        assert dumped.returncode == 0, dumped.stderr
        threads = json.loads(dumped.stdout)[0]["threads"]
        assert [thread["tid"] for thread in threads] == [int(tid) for tid in os.listdir("/proc/%d/task" % process.pid)
                                                         if int(tid) != process.pid]


@pytest.mark.parametrize("engine", ["auto", "timer"])
def test_a_main_thread_that_ends_in_the_middle(tmp_path, engine):
    """The recording goes on, and ends when it was to."""
    case = Case(ON_HOST[0], "host")
    with outlived(case, 1000) as process:
        with Background(tmp_path / "record", "record", "-p", process.pid, "-d", 300, "-r", 500,
                        "--engine", engine) as run:
            eventually(lambda: state(process.pid) == "Z", 10, "the main thread ends")
            before = cpu_seconds(process.pid)
            eventually(lambda: cpu_seconds(process.pid) > before + 1, 30, "the thread that is left works for a second")
            assert run.process.poll() is None
            assert run.interrupt() == 0
            spun = sum(count for frames, count in truth.parse_folded(run.stdout) if "work" in truth.names(frames))
    assert spun > 50


@pytest.mark.parametrize("face", ["podflame", "pyflame"])
def test_a_command_whose_main_thread_ends(tmp_path, face):
    """It is recorded until its last thread ends."""
    out, program = tmp_path / "out", tmp_path / face
    program.symlink_to(PODFLAME)
    options = {"podflame": ["record", "-r", "500", "-f", "folded", "-o", out, "--"],
               "pyflame": ["-s", "60", "-r", "0.002", "-o", out, "-t"]}[face]
    words = [program, *options, *ON_HOST[0].command, PROJECT / "tests/targets/outlived.py", "2.5", "300"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=MARGIN_SECONDS)
    assert done.returncode == 0, done.stderr
    stacks = [line.rpartition(" ") for line in out.read_text().splitlines()]
    assert sum(int(count) for stack, _, count in stacks if "work" in stack) > 50, done.stderr


def test_an_embedder_whose_main_ends(tmp_path):
    """Python never knew that thread."""
    if not HOST:
        must_skip("no libpython is here")
    program = tmp_path / "worker"
    subprocess.run(["cc", "-o", str(program), str(PROJECT / "tests/targets/outlived.c"), HOST,
                    "-Wl,-rpath," + str(pathlib.Path(HOST).parent), "-lpthread"], check=True)
    with subprocess.Popen([str(program), SCRIPT], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            eventually(lambda: state(process.pid) == "Z", 10, "main() ends")
            stacks = stacks_of("-p", process.pid)
            assert all(truth.names(frames)[:2] == ["<module>", "main"] for frames, _ in stacks)
        finally:
            process.kill()
