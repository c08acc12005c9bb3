# SPDX-License-Identifier: Apache-2.0
"""Mode wall by the kernel's records of switches: waits have their true lengths, and a thread that sleeps costs nothing."""

import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from program import MARGIN_SECONDS, Background, eventually, podflame
from receiver import Receiver
from testbed import PROJECT

sys.path.insert(0, str(PROJECT / "tests/oracle"))

import readers  # noqa: E402
from test_lost import WITHOUT_PERF  # noqa: E402

TARGETS = PROJECT / "tests/targets"
ENGINE = "perf tick and switches"
MS = 1_000_000


def target(*words, stdin=None):
    process = subprocess.Popen(["/usr/bin/python3", *[str(word) for word in words]], stdin=stdin,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def told_seconds(path, function):
    """Seconds of all samples that have the function."""
    return sum(sample.ns for sample in readers.read(path).samples
               if any(frame.name.rpartition(".")[2] == function for frame in sample.stack)) / 1e9


def cpu_seconds(pid):
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def recording(tmp_path, process, *options):
    return Background(tmp_path / "run", "record", "-m", "wall", "-v", "-d", 600, "-p", process.pid, "-o",
                      tmp_path / "out.pb.gz", *options)


def test_waits_have_their_lengths(tmp_path):
    """At 20 ticks a second. The standard deviation of ticks alone would be 10 % for each of the three."""
    with target(TARGETS / "lengths.py", stdin=subprocess.PIPE) as process, \
            recording(tmp_path, process, "-r", 20) as recorder:
        eventually(lambda: ENGINE in recorder.stderr, MARGIN_SECONDS, lambda: recorder.stderr)
        time.sleep(0.2)
        print("go", file=process.stdin, flush=True)
        time.sleep(8)
        print("stop", file=process.stdin, flush=True)
        spent = json.loads(process.stdout.readline())
        assert recorder.interrupt() == 0, recorder.stderr
    for function, margin in (("long_nap", 0.3), ("pauses", 0.12), ("short_nap", 0.0)):
        told = told_seconds(tmp_path / "out.pb.gz", function)
        # At both ends a wait may lie half outside. Half of the short ones stand for others, by chance.
        tolerance = 0.02 * spent[function] + 2 * margin + (0.25 * spent[function] if function == "short_nap" else 0)
        assert told == pytest.approx(spent[function], abs=tolerance), (function, spent, recorder.stderr)


THREADS = """
import threading, time
lock = threading.Lock()
def naps():
    while True: time.sleep(0.003)
def works():
    while True: sum(range(1000))
def sleeps():
    time.sleep(600)
def fights():
    while True:
        with lock: time.sleep(0.002)
for f in (naps, works, works, sleeps, fights, fights, fights):
    threading.Thread(target=f, daemon=True).start()
print("ready", flush=True)
time.sleep(600)
"""
N_THREADS = 8


@pytest.mark.parametrize("rate", [99, 499])
def test_the_sum_is_the_threads_time(tmp_path, rate):
    """Within 1 %, for each thread as well."""
    with target("-c", THREADS) as process:
        done = podflame("record", "-m", "wall", "-t", "-v", "-d", 6, "-r", rate, "-p", process.pid, "-o",
                        tmp_path / "out.pb.gz")
        process.kill()
    assert done.returncode == 0 and ENGINE in done.stderr, done.stderr
    samples = readers.read(tmp_path / "out.pb.gz").samples
    duration = float(re.search(r"in ([\d.]+) s \(", done.stderr)[1])
    assert sum(sample.ns for sample in samples) / 1e9 == pytest.approx(N_THREADS * duration, rel=0.01), done.stderr
    threads = {sample.thread for sample in samples}
    assert len(threads) == N_THREADS
    for thread in threads:
        own = sum(sample.ns for sample in samples if sample.thread == thread) / 1e9
        # A tick of one of two busy threads stands for what both have used since the last one.
        assert own == pytest.approx(duration, rel=0.01, abs=0.1 * duration if "works" in thread else 2 / rate), thread


def steady_cpu_seconds(tmp_path, process, seconds=4):
    """What podflame takes once it has opened the process."""
    with recording(tmp_path, process, "-r", 99) as recorder:
        eventually(lambda: ENGINE in recorder.stderr, MARGIN_SECONDS, lambda: recorder.stderr)
        time.sleep(1.5)
        before = cpu_seconds(recorder.process.pid)
        time.sleep(seconds)
        took = cpu_seconds(recorder.process.pid) - before
        assert recorder.interrupt() == 0, recorder.stderr
    return took


def test_threads_that_sleep_cost_nothing(tmp_path):
    took = {}
    for turn in range(2):
        for n in (0, 1000):
            with target(TARGETS / "crowd_of_threads.py", n) as process:
                (tmp_path / str(turn) / str(n)).mkdir(parents=True)
                took[n] = min(took.get(n, 9), steady_cpu_seconds(tmp_path / str(turn) / str(n), process))
                process.kill()
    # The timer takes 0.7 s or more for the 1000 threads.
    assert took[1000] < took[0] + 0.1, took


# Two processes that wake each other: 100 000 switches a second and more.
STORM = """
import os
a, b = os.pipe(), os.pipe()
if os.fork() == 0:
    os.close(a[1])
    while os.read(a[0], 1): os.write(b[1], b"x")
print("ready", flush=True)
while True:
    os.write(a[1], b"x"); os.read(b[0], 1)
"""


TIMER = "from now on the timer tells how long waits are"


def books(said):
    """The seconds of the threads' time, and those that samples stand for."""
    found = re.search(r"coverage [\d.]+ %: of ([\d.]+) s of the threads' time, samples stand for ([\d.]+) s", said)
    return (float(found[1]), float(found[2])) if found else (0, 0)


def test_records_that_were_lost_are_told(tmp_path):
    """podflame does not run for a second, and rings have room for 2000 switches of a CPU."""
    with target("-c", STORM) as storm, target(TARGETS / "crowd_of_threads.py", 5) as process, \
            recording(tmp_path, process, "-r", 99) as recorder:
        eventually(lambda: ENGINE in recorder.stderr, MARGIN_SECONDS, lambda: recorder.stderr)
        begin = time.monotonic()
        time.sleep(1.5)
        recorder.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        recorder.process.send_signal(signal.SIGCONT)
        time.sleep(1.5)
        assert recorder.interrupt() == 0, recorder.stderr
        lasted = time.monotonic() - begin
        storm.kill()
        process.kill()
    said = recorder.stderr
    of, sampled = books(said)
    assert 6 * lasted * 0.9 < of < 6 * lasted * 1.05 + 0.5, said
    # Where one storm is too much for the rings, see the next test: the timer knows of a thread, even after a second,
    # that it has slept all the time.
    assert TIMER in said or 6 * 0.7 < of - sampled < 6 * 1.3, said
    assert "not seen by any tick" in said


def test_too_many_switches_are_left_to_the_timer(tmp_path):
    """Rings that are full at most looks: what is lost until the timer has taken over is in the books."""
    with contextlib.ExitStack() as stack:
        storms = [stack.enter_context(target("-c", STORM)) for _ in range(2)]
        process = stack.enter_context(target(TARGETS / "crowd_of_threads.py", 20))
        done = podflame("record", "-m", "wall", "-v", "-d", 8, "-r", 99, "-p", process.pid)
        for one in (process, *storms):
            one.kill()
    duration = float(re.search(r"in ([\d.]+) s \(", done.stderr)[1])
    of, sampled = books(done.stderr)
    assert of == pytest.approx(21 * duration, rel=0.05), done.stderr
    assert sampled > 0.98 * of if TIMER not in done.stderr else sampled > 0.6 * of, done.stderr


def test_switches_that_cost_too_much_are_given_up(tmp_path):
    """By an agent that may take 0.2 % of a CPU. The timer then tells of all threads."""
    with Receiver() as receiver, target("-c", STORM) as storm, \
            target(TARGETS / "crowd_of_threads.py", 5) as process, \
            Background(tmp_path / "agent", "agent", "--collector", receiver.url, "-m", "wall", "-w", "1s", "--select",
                       "pid=%d" % process.pid, "--max-cpu", "0.2") as pusher:
        eventually(lambda: "the timer tells how long waits are" in pusher.stderr, MARGIN_SECONDS, lambda: pusher.stderr)
        assert ENGINE in pusher.stderr
        before = len(receiver.requests)
        eventually(lambda: len(receiver.requests) > before + 2, MARGIN_SECONDS, "windows go on")
        storm.kill()
        process.kill()


def test_without_permission_the_timer_serves(tmp_path):
    with target(TARGETS / "crowd_of_threads.py", 3) as process:
        done = podflame("record", "-m", "wall", "-v", "-d", 1, "-p", process.pid, wrap=WITHOUT_PERF)
        process.kill()
    assert done.returncode == 0, done.stderr
    assert "engine: timer tick" in done.stderr and "CAP_PERFMON is missing" in done.stderr, done.stderr
