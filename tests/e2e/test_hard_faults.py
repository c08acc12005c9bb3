# SPDX-License-Identifier: Apache-2.0
"""What a machine does to podflame: kills it, floods it with signals, fills its disk, sets its clock, takes descriptors and
CPUs away. Whatever it is, no target is left stopped, traced or changed."""

import contextlib
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import time

import pytest

import shims
import truth
from collector import Collector, agent, free_port, metric
from faults import OK, Server, script as answers
from program import MARGIN_SECONDS, Background, cpu_seconds, eventually, podflame
from skips import must_skip
from testbed import PROJECT

CHECKED = PROJECT / "tests/targets/checked.py"
SELECT = ("--select", "cmdline=*checked.py*")


class Checked:
    """A target that checks itself."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-S", CHECKED], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def goes_on(self):
        """It has used CPU time, by itself."""
        before = cpu_seconds(self.pid)
        eventually(lambda: cpu_seconds(self.pid) > before, MARGIN_SECONDS, "%d goes on" % self.pid)

    def assert_unchanged(self):
        self.goes_on()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        before, after, continued = json.loads(self.process.stdout.readline())
        assert before == after and continued == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def checked():
    with Checked() as target:
        yield target
        target.assert_unchanged()


# ---- killed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["perf", "timer", "blocking"])
def test_killed_at_any_moment(checked, tmp_path, engine):
    """With nobody left who could put it right."""
    for turn in range(6):
        options = ["--engine", engine, "-m", "wall"] if engine != "perf" else []
        with Background(tmp_path / str(turn), "record", "-p", checked.pid, "-r", 5000, "-d", 60, *options) as recording:
            time.sleep(random.random() * 0.3)
            recording.process.kill()
            recording.process.wait()
    checked.goes_on()


# ---- signals -----------------------------------------------------------------------------------------------------


def flood(process, number, times=500):
    for _ in range(times):
        if process.poll() is not None:
            break
        process.send_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("command", ["record", "top"])
def test_signals_by_the_hundred_end_it_once(checked, tmp_path, command, number):
    options = ["--plain", "-n", 0.2] if command == "top" else ["-o", tmp_path / "out.folded", "-f", "folded", "-r", 1000]
    with Background(tmp_path / "run", command, "-p", checked.pid, "-d", 60, *options) as running:
        eventually(lambda: os.path.exists("/proc/%d/task" % running.process.pid) and
                   len(os.listdir("/proc/%d/task" % running.process.pid)) > 1, 20, lambda: running.stderr)
        time.sleep(0.5)
        flood(running.process, number)
        assert running.process.wait(MARGIN_SECONDS) in (0, 128 + number), running.stderr
        if command == "record":
            assert "samples of 1 process" in running.stderr
            assert truth.parse_folded((tmp_path / "out.folded").read_text())


def test_an_agent_and_a_collector_that_are_told_to_reload_again_and_again(checked, tmp_path):
    with Collector(tmp_path / "collector") as store, agent(tmp_path / "agent", store.url, "--window", 1, *SELECT) as pusher:
        eventually(lambda: "process %d: Python" % checked.pid in pusher.stderr, 20, lambda: pusher.stderr)
        before = cpu_seconds(pusher.process.pid)
        flood(pusher.process, signal.SIGHUP)
        assert pusher.process.poll() is None and cpu_seconds(pusher.process.pid) < before + 1
        eventually(lambda: any(series["samples"] for series in store.json("series")), 20, lambda: pusher.stderr)
        flood(pusher.process, signal.SIGTERM)
        assert pusher.process.wait(MARGIN_SECONDS) == 0, pusher.stderr
        flood(store.process, signal.SIGTERM)
        assert store.process.wait(MARGIN_SECONDS) == 0, store.stderr


# ---- no room ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["folded", "html", "pprof", "otlp", "speedscope", "text"])
def test_a_full_disk_is_named(checked, tmp_path, format):
    file = tmp_path / "disk" / "out"
    file.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "podflame-test", file.parent], check=True)
    try:
        with open(file.parent / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(b"x" * 1024):
                pass
        done = podflame("record", "-p", checked.pid, "-d", 0.5, "-r", 1000, "-f", format, "-o", file)
    finally:
        subprocess.run(["umount", file.parent], check=True)
    assert done.returncode == 1 and "%s: No space left on device" % file in done.stderr, done.stderr


@pytest.mark.parametrize("command", [["ps"], ["ps", "--json"]], ids=" ".join)
def test_ps_says_whom_it_has_no_descriptors_for(command):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Checked())
        done = podflame(*command, wrap=["prlimit", "--nofile=20:20"])
    assert done.returncode == 1 and "not listed: nearly all file descriptors are taken" in done.stderr, done.stderr


@pytest.mark.parametrize("command", ["record", "top", "dump", "ps"])
@pytest.mark.parametrize("descriptors", [4, 7, 11, 15])
def test_few_descriptors(checked, command, descriptors):
    """What it does is done, or it says what it lacks."""
    options = {"ps": [], "dump": ["-p", checked.pid]}.get(command, ["-p", checked.pid, "-d", 0.2])
    done = podflame(command, *options, wrap=["prlimit", "--nofile=%d:%d" % (descriptors, descriptors)])
    assert done.returncode in (0, 1), done.stderr
    assert done.returncode == 0 or "cannot be read" in done.stderr or "descriptors" in done.stderr or \
        "open files" in done.stderr, done.stderr


# ---- the clock ----------------------------------------------------------------------------------------------------


DAY = 86400
LONGEST_WINDOW_SECONDS = 30


def test_the_wall_clock_jumps(checked, tmp_path):
    """Windows go on, and each has the length that it had. Unconfined: a clock is read without a system call as a rule."""
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("q", 0))
    environment = shims.environment(shims.build("clock", tmp_path), FAULTS_CLOCK=clock)
    with Server(answers(OK)) as server, Background(tmp_path / "agent", "agent", "--collector", server.url, "--window", 1,
                                                   "-m", "wall", "-r", 20, "--confine", "off", *SELECT,
                                                   env=environment) as pusher:
        for days in (0, 2, -30, 0):
            with open(clock, "r+b") as file:
                file.write(struct.pack("q", days * DAY))
            seen = len(server.requests)
            eventually(lambda: len(server.requests) >= seen + 3, 20, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
        sent = [group["scopeProfiles"][0]["profiles"][0] for request in server.requests
                for group in request.json["resourceProfiles"]]
    begins, lengths = ([int(profile[name]) / 1e9 for profile in sent] for name in ("timeUnixNano", "durationNano"))
    assert max(begins) - min(begins) > 30 * DAY, "it has believed the clock"
    assert 0 <= min(lengths) and max(lengths) < LONGEST_WINDOW_SECONDS, lengths


# ---- CPUs ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def cpuset():
    """A group of version 1 with all CPUs, the path of their list and a CPU less. What is pinned to a CPU that goes has it
    taken away by the kernel in the same way as when the CPU itself goes."""
    top = pathlib.Path("/sys/fs/cgroup/cpuset")
    if not (top / "cpuset.cpus").exists() or os.cpu_count() < 2:
        must_skip("no cpuset of version 1, or one CPU", debian=False)
    group = top / ("podflame-test-%d" % os.getpid())
    group.mkdir()
    try:
        (group / "cpuset.mems").write_text((top / "cpuset.mems").read_text())
        (group / "cpuset.cpus").write_text((top / "cpuset.cpus").read_text())
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (top / "cgroup.procs").write_text(pid)
        group.rmdir()


@pytest.mark.parametrize("mode", ["cpu", "wall"])
def test_cpus_go_and_come(checked, tmp_path, mode):
    """A simulation: the CPU stays there for others."""
    with cpuset() as group, Background(tmp_path / "run", "record", "-p", checked.pid, "-d", 60, "-m", mode, "-r", 500, "-f",
                                       "folded", "-o", tmp_path / "out") as recording:
        time.sleep(0.5)
        used, all_cpus = cpu_seconds(checked.pid), (group / "cpuset.cpus").read_text()
        (group / "cgroup.procs").write_text(str(recording.process.pid))
        for cpus in ("0", all_cpus, "1", all_cpus):
            (group / "cpuset.cpus").write_text(cpus)
            time.sleep(0.3)
            assert recording.process.poll() is None, recording.stderr
        used = cpu_seconds(checked.pid) - used
        assert recording.interrupt() == 0, recording.stderr
    # On a crowded machine the target hardly runs.
    assert truth.leaves(truth.parse_folded((tmp_path / "out").read_text()))["work"] >= 0.5 * 500 * used > 0, used


CPU_1 = pathlib.Path("/sys/devices/system/cpu/cpu1/online")
AWAY_SECONDS = 1
WITHOUT_PERFMON = ("setpriv", "--bounding-set=-perfmon,-sys_admin", "--inh-caps=-perfmon,-sys_admin")
BACK_SECONDS = 4  # of CPU time, once it is back: whoever looks for CPUs does so every few seconds

# All that `late` does is done on CPU 1 after it has come back.
ON_CPU_1 = """
import os, sys
def early():
    sum(range(1000))
def late():
    sum(range(1000))
os.sched_setaffinity(0, {1})
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    for _ in range(1000):
        early()
os.sched_setaffinity(0, {1})
while True:
    late()
"""


@pytest.fixture
def on_cpu_1(script, tmp_path):
    """A program, and what makes it go on to `late`."""
    if os.cpu_count() < 2 or not os.access(CPU_1, os.W_OK):
        must_skip("there is no CPU that can be taken away", debian=False)
    with subprocess.Popen([sys.executable, "-S", script(ON_CPU_1), tmp_path / "late"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid, (tmp_path / "late").touch
        process.kill()


def take_cpu_1_away():
    """For a moment. A process of its own brings it back, whatever becomes of the test."""
    away = subprocess.Popen(["sh", "-c", "trap 'echo 1 >%s' EXIT; echo 0 >%s && sleep %g" % (CPU_1, CPU_1, AWAY_SECONDS)],
                            start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        _, problem = away.communicate()
    finally:
        away.wait()
        CPU_1.write_text("1")
    if away.returncode != 0:
        must_skip("CPU 1 cannot be taken away: " + problem, debian=False)
    assert CPU_1.read_text().strip() == "1"


def uses(pid, seconds):
    until = cpu_seconds(pid) + seconds
    eventually(lambda: cpu_seconds(pid) > until, MARGIN_SECONDS, "%d uses %g s" % (pid, seconds))


@pytest.mark.alone
@pytest.mark.parametrize("options, wrap", [([], ()), (["-m", "wall"], ()), ([], WITHOUT_PERFMON)],
                         ids=["perf", "timer", "own-events"])
def test_a_cpu_goes_and_comes(checked, on_cpu_1, tmp_path, options, wrap):
    pid, go_on = on_cpu_1
    out = tmp_path / "out.folded"
    with Background(tmp_path / "run", "record", "-v", "-p", pid, "-p", checked.pid, "-d", 600, "-r", 500, "-o", out,
                    *options, wrap=wrap) as recording:
        uses(pid, 0.5)
        take_cpu_1_away()
        checked.goes_on()
        go_on()
        uses(pid, BACK_SECONDS)
        assert recording.interrupt() == 0, recording.stderr
    leaves = truth.leaves(truth.parse_folded(out.read_text()))
    assert leaves["late"] > 500 * BACK_SECONDS / 5, (leaves, recording.stderr)
    assert leaves["work"] > 10, leaves
    told = re.search(r"^podflame: coverage .*", recording.stderr, re.M)[0]
    accounted, *reasons = map(float, re.findall(r"(\d+\.\d+) s", told))
    assert accounted <= sum(reasons) + 0.02 * len(reasons), told


@pytest.mark.alone
def test_the_agent_goes_on_while_a_cpu_goes_and_comes(checked, on_cpu_1, tmp_path):
    pid, go_on = on_cpu_1
    port = free_port()

    def seconds(what):
        return metric(port, "podflame_cpu_%s_seconds_total" % what)

    with Collector(tmp_path / "collector") as store, \
            agent(tmp_path / "agent", store.url, "--window", 1, "-r", 500, "--select", "pid=%d" % pid,
                  "--listen", "127.0.0.1:%d" % port) as pusher:
        eventually(lambda: "metrics:" in pusher.stderr, 10, lambda: pusher.stderr)
        eventually(lambda: seconds("sampled") > 0.5, 20, lambda: pusher.stderr)
        take_cpu_1_away()
        go_on()
        eventually(lambda: seconds("sampled") > 0.5, 20, lambda: pusher.stderr)
        uses(pid, BACK_SECONDS)
        before = seconds("sampled")
        eventually(lambda: seconds("sampled") > before + 1, 20, lambda: pusher.stderr)
        accounted, sampled, unsampled = map(seconds, ("accounted", "sampled", "unsampled"))
        assert accounted <= (sampled + unsampled) * 1.001, "all of it is told"
        assert pusher.process.poll() is None and pusher.interrupt() == 0, pusher.stderr
