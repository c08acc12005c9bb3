# SPDX-License-Identifier: Apache-2.0
"""How soon the first sample comes, and that what runs before it is in the books.

Times by the clock are those of the best of some runs; where more run than there are CPUs, a second counts as
what of it one of them gets.
"""

import re
import subprocess
import time

import pytest

import truth
from interpreters import BARE_BOOKWORM
from program import podflame, share_of_a_cpu
from test_launch import BUSY, FAST
from testbed import PROJECT

ROUND, PHASE = 4.0, 0.002  # of phases.py, in seconds
RUNS = 8
CPU = re.compile(r"coverage [\d.]+ %: of ([\d.]+) s of CPU time, samples stand for ([\d.]+) s")
UNOPENED = re.compile(r"before it was opened ([\d.]+) s")
TOLD = BUSY.format(name="work") + "work(0.5)\nopen(%r, 'w').write(str(time.process_time()))\n"


def first_sample(begin, *arguments):
    """Seconds from the execution of podflame, at @begin, to its first sample of a target that shows the time."""
    done = podflame("record", *arguments, "-r", 2000, "-d", 0.3)
    assert done.returncode == 0, done.stderr
    phases = [int(name[len("phase_"):]) for frames, _ in truth.parse_folded(done.stdout)
              for name in truth.names(frames) if name.startswith("phase_")]
    return min((phase * PHASE - begin) % ROUND for phase in phases)


def first_samples(*arguments):
    found = []
    for _ in range(RUNS):
        before = share_of_a_cpu()
        seconds = first_sample(time.monotonic(), *arguments)
        found.append(seconds * min(before, share_of_a_cpu()))
    return found


def test_of_a_process():
    command = ["/usr/bin/python3", str(PROJECT / "tests/targets/phases.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        found = first_samples("-p", process.pid)
        process.kill()
    assert min(found) < 0.05, found


def test_of_a_container(start):
    target = start(BARE_BOOKWORM, "phases.py")
    found = first_samples("-c", target.name)
    assert min(found) < 0.08, found


def recorded(tmp_path, *command):
    """(own CPU time as the program tells it, accounted, sampled, unopened, what was said)"""
    done = podflame("record", "-v", "-r", 4000, "-o", tmp_path / "out.folded", "--", *command)
    assert done.returncode == 0, done.stderr
    accounted, sampled = (float(number) for number in CPU.search(done.stderr).groups())
    unopened = UNOPENED.search(done.stderr)
    return float((tmp_path / "told").read_text()), accounted, sampled, float(unopened[1]) if unopened else 0, done.stderr


# An interpreter's start takes 10 to 20 ms of CPU time, in which there is no Python yet.
WAYS = {
    "python": lambda script: [*FAST, script],
    "exec": lambda script: ["/bin/sh", "-c", "exec %s %s" % (" ".join(FAST), script)],
    "late": lambda script: ["/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exec %s %s" % (
        " ".join(FAST), script)],
    "site": lambda script: ["/usr/bin/python3", script],
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_command_runs_before_is_known(tmp_path, script, way):
    """The kernel's account begins at the birth of the process; what no sample stands for has a reason."""
    told, accounted, sampled, unopened, said = recorded(tmp_path, *WAYS[way](script(TOLD % str(tmp_path / "told"))))
    # More by its end, which it cannot tell and which takes tens of ms on a crowded machine.
    assert 0.98 * told - 0.012 < accounted < 1.02 * told + 0.1, said
    assert sampled + unopened == pytest.approx(accounted, rel=0.08), said
    assert sampled > 0.45, said  # work's time, and chance


def test_what_comes_before_is_not_more_than_the_start(tmp_path, script):
    """By CPU time, which a crowded machine does not change much: the best of some."""
    found = [recorded(tmp_path, *FAST, script(TOLD % str(tmp_path / "told")))[3] for _ in range(RUNS)]
    assert min(found) < 0.03, found
