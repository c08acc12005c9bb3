#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tasks of asyncio cost: `make bench-tasks`, or tasks.py [--rounds 3] [--seconds 20] [PYTHON...].

The agent samples a service of 5000 tasks at 99 Hz, with --tasks coroutine and with --tasks off, in turn, and is compared in
CPU time. `dump --tasks` of 10 000 tasks is timed, beside `dump` alone.
"""

import argparse
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/e2e")]

from collector import Collector  # noqa: E402
from program import PODFLAME  # noqa: E402

TARGET = PROJECT / "tests/bench/targets/many_tasks.py"


def service(python, count):
    process = subprocess.Popen([python, TARGET, str(count)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def spent(command, seconds=None):
    """CPU seconds of a child that ends by itself, or by SIGTERM after @seconds; and how long it took."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if seconds:
        time.sleep(seconds)
        child.send_signal(signal.SIGTERM)
    child.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - begin


def compare_agents(python, rounds, seconds):
    with tempfile.TemporaryDirectory() as folder, Collector(pathlib.Path(folder)) as collector:
        target = service(python, 5000)
        try:
            for mode in ("cpu", "cpu,wall"):
                cost = {"coroutine": [], "off": []}
                for _ in range(rounds):
                    for how, times in cost.items():
                        command = [PODFLAME, "agent", "--collector", collector.url, "--mode", mode, "--tasks", how]
                        times.append(spent(command, seconds)[0])
                ratio = statistics.median(w / o for w, o in zip(cost["coroutine"], cost["off"]))
                print("  agent --mode %s, 5000 tasks: %.2f s of CPU in %d s, %.2f without tasks: ratio %.2f"
                      % (mode, statistics.median(cost["coroutine"]), seconds, statistics.median(cost["off"]), ratio))
        finally:
            target.kill()
            target.wait()


def time_dumps(python, rounds):
    target = service(python, 10000)
    try:
        with_tasks = [spent([PODFLAME, "dump", "-p", str(target.pid), "--tasks"]) for _ in range(rounds)]
        without = [spent([PODFLAME, "dump", "-p", str(target.pid)]) for _ in range(rounds)]
    finally:
        target.kill()
        target.wait()
    print("  dump --tasks, 10 000 tasks: %.2f s (%.2f s of CPU); dump alone %.2f s"
          % (statistics.median(t for _, t in with_tasks), statistics.median(c for c, _ in with_tasks),
             statistics.median(t for _, t in without)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("python", nargs="*", default=["/usr/bin/python3"])
    arguments = parser.parse_args()
    print("load average %.1f, %d CPUs" % (os.getloadavg()[0], os.cpu_count()))
    for python in arguments.python:
        print(python)
        time_dumps(python, arguments.rounds)
        compare_agents(python, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
