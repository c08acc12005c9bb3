#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent on a node of 10, 100 and 1000 Python processes, 2 of them busy: `make bench-node`, or
node.py [--quick] [-- OPTION of the agent...].

Each process is an interpreter of its own in a cgroup of its own, named as Docker names them, in a PID namespace
of the bench: what else runs on this machine is no target. Prints a table, and writes it to NODE.md beside this
file (not with --quick). Five minutes, as root.
"""

import argparse
import contextlib
import hashlib
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/oracle"), str(PROJECT / "tests/e2e")]

import report  # noqa: E402
from collector import Collector, free_port  # noqa: E402
from grid import padded  # noqa: E402
from program import Background, eventually  # noqa: E402

TARGETS = PROJECT / "tests/targets"
BUSY, RATE, DEPTH = 2, 99, 20
HEADING = "# The agent on a node of idle processes"
NOTES = """
Made by `node.py` on {date}: {machine}. Load average {load}.

`podflame agent --rate {rate}` with its defaults sends to the built-in collector. {busy} of the processes run Python
without a pause, {depth} frames deep. The others sleep. The row of 0 has none of these processes: it shows what births
take, and the machine's own busy CPUs, whose ticks wake podflame as well.

* **CPU** is the agent's CPU time, user and system, in per cent of one CPU. It is measured over {seconds} s, and begins
  two windows after all processes are known.
* **All known** is the time from the agent's start until every process is sampled.
* **CPU of the start** is the CPU time that this took.
"""


def unshared():
    """Runs this program again as the first process of a PID namespace, whose end is the end of all in it."""
    if os.getpid() != 1:
        command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
        sys.exit(subprocess.run(command).returncode)


@contextlib.contextmanager
def cgroups():
    """make(i): a new cgroup's folder. All of them are gone in the end."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    root = next(pathlib.Path(m[1]) for m in mounts if m[2] == "cgroup2") / ("podflame-bench-%d" % time.time())
    root.mkdir()

    def make(i):
        folder = root / ("docker-%s.scope" % hashlib.sha256(b"%d" % i).hexdigest())
        folder.mkdir()
        return folder
    try:
        yield make
    finally:
        for folder in [*root.iterdir(), root]:
            if folder.is_dir():
                eventually(lambda folder=folder: removed(folder), 20, "the cgroup is empty")


def removed(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()
        return True


@contextlib.contextmanager
def crowd(n, make):
    """@n processes, ready."""
    processes = []
    try:
        for i in range(n):
            script = ["deep.py", "0", str(DEPTH)] if i < BUSY else ["sleeper.py"]
            processes.append(subprocess.Popen([sys.executable, "-S", *script], cwd=TARGETS, stdout=subprocess.PIPE,
                                              stdin=subprocess.DEVNULL))
            (make(i) / "cgroup.procs").write_text(str(processes[-1].pid))
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            process.stdout.close()


def cpu_seconds(pid):
    """By the scheduler's own account, in nanoseconds, of all threads."""
    tasks = pathlib.Path("/proc/%d/task" % pid).iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory(pid, field):
    """In bytes."""
    return int(re.search(r"%s:\s+(\d+) kB" % field, pathlib.Path("/proc/%d/status" % pid).read_text())[1]) * 1024


class Agent(Background):
    def __init__(self, folder, collector, *options):
        self.port = free_port()
        self.began = time.monotonic()
        super().__init__(folder, "agent", "--collector", collector, "--rate", RATE, "--listen",
                         "127.0.0.1:%d" % self.port, *options)

    def metrics(self):
        """Its samples by name and labels, as they stand; nothing before it answers."""
        assert self.process.poll() is None, self.stderr
        with contextlib.suppress(OSError):
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.port, timeout=10) as answer:
                rows = [row.rsplit(" ", 1) for row in answer.read().decode().splitlines() if not row.startswith("#")]
                return {name: float(value) for name, value in rows}
        return {}

    def knows(self, n):
        return self.metrics().get('podflame_targets{state="sampled",reason=""}', 0) >= n

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def memory(self, field):
        return memory(self.process.pid, field)


def measure(n, seconds, options):
    """The table's row of a node of @n processes."""
    with tempfile.TemporaryDirectory() as scratch, cgroups() as make, crowd(n, make):
        folder = pathlib.Path(scratch)
        with Collector(folder / "collector") as collector, Agent(folder / "agent", collector.url, *options) as agent:
            eventually(lambda: agent.knows(n), 300, lambda: "all are known: " + agent.stderr[-500:])
            known, start = time.monotonic() - agent.began, agent.cpu_seconds()
            time.sleep(20)
            before, ok, began = agent.cpu_seconds(), samples(agent), time.monotonic()
            time.sleep(seconds)
            cpu, took = agent.cpu_seconds() - before, time.monotonic() - began
            rate = (samples(agent) - ok) / took
            row = [str(n), "%.2f" % (100 * cpu / took), "%.1f" % (agent.memory("VmRSS") / 1e6),
                   "%.1f" % (agent.memory("VmHWM") / 1e6), "%d" % agent.metrics()["process_open_fds"], "%.0f" % rate,
                   "%.2f" % known, "%.2f" % start]
            print(" ".join(row), file=sys.stderr, flush=True)
            return row


def samples(agent):
    return agent.metrics()['podflame_samples_total{mode="cpu",outcome="ok"}']


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 s each, and NODE.md stays as it is")
    parser.add_argument("--processes", type=int, nargs="+", default=[0, 10, 100, 1000])
    parser.add_argument("options", nargs="*", help="more options for the agent")
    arguments = parser.parse_args()
    unshared()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    seconds = 10 if arguments.quick else 30
    rows = [["processes", "CPU: %", "RSS: MB", "RSS at most: MB", "descriptors", "samples/s", "all known: s",
             "CPU of the start: s"]]
    rows += [measure(n, seconds, arguments.options) for n in arguments.processes]
    notes = NOTES.strip().format(date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), machine=report.machine(),
                                 load="%.1f" % os.getloadavg()[0], rate=RATE, busy=BUSY, depth=DEPTH, seconds=seconds)
    text = "%s\n\n%s\n\n%s\n" % (HEADING, padded(rows), notes)
    print(text)
    if not arguments.quick:
        pathlib.Path(__file__).with_name("NODE.md").write_text(text)


if __name__ == "__main__":
    main()
