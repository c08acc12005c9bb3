#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent for a quarter of an hour under churn: `make soak`, or soak.py [SECONDS].

20 Python processes are born every second, a container comes and goes every other
second, and for two thirds of the time (ten minutes) the collector is away. Prints
what the agent had of memory, descriptors and threads, minute by minute; fails
unless these stay flat and every window arrives, once, when the collector is back.
A window in which a container got no CPU time has no profile: on a crowded machine
the windows of the busy one may have gaps, where it stood still too.
All of it is in a PID namespace of its own: other programs of the machine do not
count. Needs root.
"""

import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/e2e")]

from collector import agent, silent_port  # noqa: E402
from faults import OK, Server, script  # noqa: E402
from program import eventually  # noqa: E402
from testbed import containers  # noqa: E402

BIRTHS = 20  # a second
WINDOW_SECONDS = 10
SPOOL_BYTES = 256 << 20
LOOK_SECONDS = 2
STOOD_STILL = 0.1  # seconds of CPU: ten ticks of the agent's
BACK_WITHIN = 60 + WINDOW_SECONDS  # the agent's longest pause, and a window
SUITE = "bookworm"
TARGETS, WORKLOADS = PROJECT / "tests/targets", PROJECT / "tests/bench/targets"

# How much more than after the first quarter is still flat: what is sampled varies from moment to moment.
MORE = {"rss": lambda before: before * 0.1 + (2 << 20), "descriptors": lambda before: before * 0.2 + 20,
        "threads": lambda before: 0}


class Look(NamedTuple):
    at: float
    clock: float  # of the calendar, as in profiles
    steady: float  # the busy container's CPU time
    rss: int
    descriptors: int
    threads: int
    cpu: float
    waiting: int
    spool: int


def stat_of(pid):
    """Of /proc/PID/stat the fields from the state on, and the CPU time of all threads in seconds."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return fields, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(pid, steady, spool, began):
    stat, cpu = stat_of(pid)
    sizes = []
    for path in spool.glob("*/*.batch"):
        with contextlib.suppress(OSError):
            sizes.append(path.stat().st_size)
    return Look(time.monotonic() - began, time.time(), stat_of(steady.pid)[1], int(stat[21]) * os.sysconf("SC_PAGESIZE"),
                len(os.listdir("/proc/%d/fd" % pid)), int(stat[17]), cpu, len(sizes), sum(sizes))


class Churn:
    """Containers, one after the other, until the end."""

    def __init__(self):
        self.ended = threading.Event()
        self.count = 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.is_set():
            # On a crowded machine one may not be ready in time: the next one, then.
            with contextlib.suppress(RuntimeError), containers.Bare(SUITE, ["python3", "split.py"], TARGETS):
                self.ended.wait(1)
                self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def watch(pusher, steady, spool, seconds, port):
    """The looks, and the server that was there at the end, with what both got."""
    began, looks, requests = time.monotonic(), [], []
    for share, there in ((1 / 6, True), (2 / 3, False), (1 / 6, True)):
        end = time.monotonic() + seconds * share
        with Server(script(OK), port) if there else contextlib.nullcontext() as server:
            while time.monotonic() < end:
                time.sleep(LOOK_SECONDS)
                looks.append(look(pusher.process.pid, steady, spool, began))
                assert pusher.process.poll() is None, pusher.stderr[-2000:]
            if looks[-1].at > seconds * 0.9:
                eventually(lambda: look(pusher.process.pid, steady, spool, began).waiting == 0, BACK_WITHIN,
                           lambda: "what waited is sent: %d batches came, but %r\n%s" % (
                               len(server.requests), looks[-1], pusher.stderr[-2000:]))
                assert pusher.interrupt() == 0, pusher.stderr[-2000:]
            if server:
                requests += server.requests
    return looks, requests


def windows(requests, container):
    spans = []
    for request in requests:
        for resource, group in zip(request.resources, request.json["resourceProfiles"]):
            if resource.get("container.id") == container:
                profile = group["scopeProfiles"][0]["profiles"][0]
                begin = int(profile["timeUnixNano"])
                spans.append((begin / 1e9, (begin + int(profile["durationNano"])) / 1e9))
    return sorted(spans)


def cpu_within(looks, begin, end):
    """What the busy container ran in that span, at least."""
    inside = [row.steady for row in looks if begin <= row.clock <= end]
    return inside[-1] - inside[0] if inside else 0


def judge_delivery(looks, requests, steady, seconds):
    keys = [request.key for request in requests]
    assert len(set(keys)) == len(keys), "%d batches came twice" % (len(keys) - len(set(keys)))
    spans = windows(requests, steady.id)
    gaps = [(end, begin) for (_, end), (begin, _) in zip(spans, spans[1:]) if abs(begin - end) > 0.5]
    covered = spans[-1][1] - spans[0][0]
    print("%d batches arrived, each once; they cover %.0f s with %d gaps" % (len(keys), covered, len(gaps)))
    for begin, end in gaps:
        ran = cpu_within(looks, begin, end)
        assert begin < end and ran < STOOD_STILL, "a gap of %.1f s, in which %.2f s were run" % (end - begin, ran)
    assert covered > seconds - 3 * WINDOW_SECONDS


def judge_looks(looks):
    quarter = len(looks) // 4
    for what, more in MORE.items():
        before = statistics.median(getattr(row, what) for row in looks[quarter:2 * quarter])
        after = statistics.median(getattr(row, what) for row in looks[-quarter:])
        print("%-12s %12.0f in the second quarter, %12.0f in the last" % (what, before, after))
        assert after <= before + more(before), "%s grow" % what
    assert max(row.spool for row in looks) <= SPOOL_BYTES


def count_born(log):
    """Those that a line tells of, and those that lines say were left out."""
    return log.count(": Python ") + sum(map(int, re.findall(r"(\d+) more like this were left out: process", log)))


def table(looks):
    print("%7s %9s %12s %8s %7s %8s %9s" % ("second", "RSS KiB", "descriptors", "threads", "CPU s", "waiting", "spool KiB"))
    for row in looks[::max(1, len(looks) // 16)] + looks[-1:]:
        print("%7.0f %9d %12d %8d %7.1f %8d %9d" % (row.at, row.rss >> 10, row.descriptors, row.threads, row.cpu,
                                                    row.waiting, row.spool >> 10))


def main(seconds):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podflame-soak-")))
        spool = folder / "spool"
        spool.mkdir()
        steady = stack.enter_context(containers.Bare(SUITE, ["python3", "split.py"], TARGETS))
        stack.enter_context(containers.Bare(SUITE, ["python3", "births.py", str(BIRTHS)], WORKLOADS))
        churn = stack.enter_context(Churn())
        port = stack.enter_context(silent_port())
        pusher = stack.enter_context(agent(folder / "agent", "http://127.0.0.1:%d" % port, "--spool", spool,
                                           "--spool-max", SPOOL_BYTES, "--window", "%ds" % WINDOW_SECONDS))
        looks, requests = watch(pusher, steady, spool, seconds, port)
        born = count_born(pusher.stderr)
    print("%d processes seen, %d containers, collector away for %.0f s" % (born, churn.count, seconds * 2 / 3))
    table(looks)
    judge_looks(looks)
    judge_delivery(looks, requests, steady, seconds)


if __name__ == "__main__":
    if os.getpid() != 1:
        sys.exit(subprocess.call(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] + sys.argv))
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 900)
