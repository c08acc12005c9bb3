# SPDX-License-Identifier: Apache-2.0
"""Code objects that a process frees are counted: all of them, and only where that pays."""

import os
import platform
import re
import subprocess

import pytest

from interpreters import ON_HOST, Case
from program import PODFLAME, Background, cpu_seconds, eventually
from testbed import PROJECT

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="code is searched on x86-64 only")

COUNTED = [interpreter for interpreter in ON_HOST if (3, 6) <= interpreter.version < (3, 14)]
# Of what the program has freed beside what it watches.
OTHERS_MAX = 100
# Of CPU time, in which counting begins.
SECONDS = 2


@pytest.mark.parametrize("interpreter", COUNTED, ids=str)
def test_every_free_is_counted(interpreter):
    done = subprocess.run([*interpreter.command, str(PROJECT / "tests/targets/counted_frees.py")], text=True,
                          capture_output=True, check=True)
    if done.stdout.startswith("refused"):
        pytest.skip("no breakpoints here: " + done.stdout)
    freed, counted = map(int, re.match(r"freed (\d+) left \d+ counted (\d+)", done.stdout).groups())
    assert 3000 < freed <= counted <= freed + OTHERS_MAX


def events(pid):
    """The kernel's events that a process has open."""
    folder = "/proc/%d/fd" % pid
    return sum("perf_event" in os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder))


def events_of_recording(tmp_path, target, rate):
    """The kernel's events that a recording has when it has sampled the target for a while. Those of its start are gone."""
    with Background(tmp_path, "record", "-p", target.pid, "-r", rate, "-d", 600, "-o", os.devnull) as recording:
        eventually(lambda: events(recording.process.pid) > 0, 30, "events")
        begin = cpu_seconds(target.pid)
        eventually(lambda: cpu_seconds(target.pid) > begin + SECONDS, 30, "a target that runs")
        return events(recording.process.pid)


@pytest.mark.parametrize("interpreter", COUNTED, ids=str)
def test_a_process_is_counted_at_high_rates(start, tmp_path, interpreter):
    target = start(Case(interpreter, "host"), "grammar.py")
    few = events_of_recording(tmp_path, target, 99)
    assert events_of_recording(tmp_path, target, 1000) == few + 1


def test_bursts_of_frees_are_not_slowed(tmp_path):
    """A breakpoint may take 17 us on a virtual machine. Counted all the time, these bursts would take half of a CPU more."""
    program = ["/usr/bin/python3", str(PROJECT / "tests/targets/bursts_of_frees.py")]
    recorded = [str(PODFLAME), "record", "-q", "-r", "1000", "-o", os.devnull, "--", *program]
    alone, beside = (max(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                         for _ in range(3)) for command in (program, recorded))
    assert beside > 0.9 * alone, (beside, alone)
