#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Profilers on programs whose truth is known, side by side, in one table.

    run.py [--profilers podflame,py-spy,austin,profiling.sampling] [--workloads 'bias*,threads of 5 ms'] [-o FILE]

The profilers take turns on each workload, each on a run of its own. --list names the
workloads and the profilers. As root, on Debian: the peers are fetched into .cache/.
"""

import argparse
import contextlib
import dataclasses
import fnmatch
import math
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections import defaultdict

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/oracle"), str(PROJECT / "tests/e2e")]

import judge  # noqa: E402
import launch  # noqa: E402
import peers  # noqa: E402
import places  # noqa: E402
import readers  # noqa: E402
from grid import padded  # noqa: E402
from testbed import Unavailable  # noqa: E402

SUITE, NEWEST = "forky", "python3.15"
LEAD_SECONDS = 1.5  # for a profiler to attach, on a machine that has nothing else to do
TAIL_SECONDS = 0.2
GRACE_SECONDS = 30  # to write what it has
MOST_SECONDS = 3600  # that a profiler is asked for: it is interrupted before
SHORT = ["bursts of 1 ms, pauses of 2", "bursts of 0.1 ms, pauses of 0.2", "bias of 1 and 30 ms", "threads of 1 ms",
         "threads of 5 ms", "16 busy threads", "children of 20 ms", "30 % of a CPU", "ThreadingHTTPServer",
         "pool of 150, 50 at a lock", "call churn", "coroutines", "native code and a native thread"]


@dataclasses.dataclass
class Column:
    """A profiler, in one of its modes. @place: where its targets run; @mode: by which the judge counts."""

    name: str
    tool: object
    place: object
    mode: str


# ---- who takes part ------------------------------------------------------------


PODFLAME = {  # the columns of podflame: mode and options
    "podflame": ("cpu", ()),
    "podflame timer": ("cpu", ("--engine", "timer")),
    "podflame blocking": ("cpu", ("--engine", "blocking")),
    "podflame wall": ("wall", ()),
    "podflame wall blocking": ("wall", ("--engine", "blocking")),
}
SAMPLING = "profiling.sampling"
PEERS = ["py-spy", "austin", SAMPLING, "podflame on 3.15"]
NAMES = list(PODFLAME) + PEERS


def column(name, host, rootfs, tools, program):
    """The Column of that name, or Unavailable."""
    if name in PODFLAME:
        mode, options = PODFLAME[name]
        return Column(name, peers.Podflame(name, host, program, mode, options), host, mode)
    if name in (SAMPLING, "podflame on 3.15") and not rootfs:
        raise Unavailable("there is no root directory with CPython 3.15")
    if name == SAMPLING:
        return Column(name, peers.Sampling(name, rootfs, "cpu", ["--mode", "cpu"]), rootfs, "cpu")
    if name == "podflame on 3.15":
        return Column(name, peers.Podflame(name, host, program, "cpu"), rootfs, "cpu")
    if not tools:
        raise Unavailable("it could not be installed")
    if name == "py-spy":
        return Column(name, peers.PySpy(name, host, tools, "cpu"), host, "cpu")
    loader = rootfs.loader() if rootfs else ()
    return Column(name, peers.Austin(name, host, tools / "austin", loader, "cpu", ["--cpu"]), host, "cpu")


def columns(names, python, program, scratch, tools, rootfs):
    found = []
    for name in names:
        try:
            found.append(column(name, places.Host(python, scratch), rootfs, tools, program))
        except Unavailable as error:
            places.say("left out: %s: %s" % (name, error))
    return found


# ---- one run -------------------------------------------------------------------


def lead():
    """Longer where many things run at once: nothing outside says when a profiler has begun to look."""
    return LEAD_SECONDS * min(2, max(1, os.getloadavg()[0] / os.cpu_count()))


@contextlib.contextmanager
def profiling(column, target, rate, log):
    """A profiler beside the target; at the end it is interrupted, as by Ctrl-C, and writes."""
    tool, scratch = column.tool, column.tool.place.scratch
    for old in scratch.glob("out*"):
        old.unlink()
    command = tool.command(target, MOST_SECONDS, rate, tool.place.output("out"), threads=True,
                           children=target.workload.family)
    with open(log, "wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd="/",
                                   env=tool.place.environment, start_new_session=True)
    places.started(process)
    try:
        time.sleep(lead())
        yield
        time.sleep(TAIL_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("it does not end") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def attempt(column, workload, seconds, rate):
    """The judge's Verdict on one profiler's run; Unavailable with its own words if it delivers nothing."""
    log = column.tool.place.scratch / "log"
    with launch.Target(workload, column.place, seconds) as target:
        with profiling(column, target, rate, log):
            target.begin()
            target.wait()
        truth = target.truth()
    said = log.read_text(errors="replace")
    try:
        output = column.tool.read(column.tool.place.scratch / "out", said, rate)
    except (OSError, ValueError, readers.Unreadable) as error:
        raise Unavailable(peers.complaint(said)) from error
    return judge.judge(truth, output.profile, column.name, column.mode)


# ---- all runs ------------------------------------------------------------------


@dataclasses.dataclass
class Pool:
    """Verdicts of one profiler on one workload, from several rounds."""

    verdicts: list = dataclasses.field(default_factory=list)
    reason: str = ""  # why there is none

    def coverage(self):
        """(share of the time, its standard error); nothing if no verdict has it."""
        timed = [verdict for verdict in self.verdicts if verdict.coverage is not None]
        truth = sum(verdict.truth for verdict in timed)
        error = math.sqrt(sum((verdict.coverage_sigma * verdict.truth) ** 2 for verdict in timed))
        return (sum(verdict.seconds for verdict in timed) / truth, error / truth) if truth else None

    def bias(self):
        """(function, measured minus true share, standard error) of the one that is farthest off, or nothing."""
        return max(judge.pooled(self.verdicts), key=lambda one: abs(one[1]) / one[2] if one[2] else 0, default=None)

    def impossible(self):
        """(impossible stacks, of how many)"""
        return (sum(verdict.impossible for verdict in self.verdicts), sum(verdict.samples for verdict in self.verdicts))

    def cell(self):
        if not self.verdicts:
            return "–"
        coverage, bias = self.coverage(), self.bias()
        parts = ["%.1f ± %.1f %%" % tuple(100 * value for value in coverage)] if coverage else []
        if bias:
            parts.append("%s %+.1f ± %.1f" % (bias[0], 100 * bias[1], 100 * bias[2]))
        wrong, samples = self.impossible()
        if wrong:
            parts.append("**%.0f/M impossible**" % (1e6 * wrong / samples))
        return ", ".join(parts) or "0 impossible"


def measure(found, workloads, rounds, seconds, rate):
    """{(workload, column): Pool}. In every round another profiler is first."""
    pools = defaultdict(Pool)
    for turn in range(rounds):
        for workload in workloads:
            first = turn % len(found)
            for column in found[first:] + found[:first]:
                pool = pools[workload.name, column.name]
                try:
                    pool.verdicts.append(attempt(column, workload, seconds, rate))
                except (Unavailable, RuntimeError) as error:
                    pool.reason = str(error)
                places.say("  round %d, %-32s %-22s %s" % (turn + 1, workload.name, column.name,
                                                    pool.cell() if pool.verdicts else pool.reason))
    return pools


def table(found, workloads, pools):
    """Markdown: a row for each workload, a column for each profiler; below it why cells are empty."""
    rows = [["workload"] + [column.name for column in found]]
    reasons = []
    for workload in workloads:
        rows.append([workload.name])
        for column in found:
            pool = pools[workload.name, column.name]
            rows[-1].append(pool.cell())
            if not pool.verdicts:
                reasons.append("* %s, %s: %s" % (workload.name, column.name, pool.reason))
    return "\n".join([padded(rows)] + ([""] + reasons if reasons else []))


def notes(rounds, seconds, rate, python):
    return """\
A cell has the share of the kernel's CPU time that the profile accounts for (in the columns "wall": of the time by the
clock in the functions that keep books), then the function whose share is farthest from the truth, with the difference in
points, then impossible stacks of a million, if there are any; each with its standard error. Rounds: %d, of %g s, at %d Hz.
podflame, profiling.sampling (`--mode cpu`) and Austin (`--cpu`) count what runs, py-spy what is not idle by its own
definition. The columns profiling.sampling and "podflame on 3.15" are of CPython 3.15, all others of %s.""" % (
        rounds, seconds, rate, python)


def chosen(patterns):
    """Workloads by name or pattern."""
    if patterns == ["all"]:
        return launch.CATALOGUE
    found = [one for one in launch.CATALOGUE if any(fnmatch.fnmatchcase(one.name, pattern) for pattern in patterns)]
    if not found:
        raise SystemExit("run.py: there is no workload %s: see --list" % ", ".join(patterns))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profilers", default=",".join(NAMES), help="names, with commas between (all)")
    parser.add_argument("--workloads", default=";".join(SHORT), help="names or patterns, with semicolons between, or all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3, help="of work in each run (3)")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the workloads")
    parser.add_argument("--podflame", default=str(PROJECT / "build/podflame"), help="the program to judge")
    parser.add_argument("--list", action="store_true", help="name the workloads and the profilers")
    parser.add_argument("--crowded", action="store_true", help="as of bench.py: a larger share of a machine with other work")
    parser.add_argument("-o", "--output", help="where to write the table too")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and their children too
    if arguments.list:
        print("\n".join(["Workloads:", *("  " + one.name for one in launch.CATALOGUE), "Profilers:",
                         *("  " + name for name in NAMES)]))
        return
    places.autogroup = -15 if arguments.crowded else 0
    workloads, names = chosen(arguments.workloads.split(";")), arguments.profilers.split(",")
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(places.scratch())
        tools = places.attempt(places.tools)
        rootfs = places.attempt(places.Rootfs, SUITE, NEWEST, scratch, tools)
        if rootfs:
            stack.callback(rootfs.close)
        found = columns(names, arguments.python, arguments.podflame, scratch, tools, rootfs)
        pools = measure(found, workloads, arguments.rounds, arguments.seconds, arguments.rate)
        version = subprocess.run([arguments.python, "--version"], capture_output=True, text=True).stdout.strip()
    text = table(found, workloads, pools) + "\n\n" + notes(arguments.rounds, arguments.seconds, arguments.rate, version) + "\n"
    print(text)
    if arguments.output:
        pathlib.Path(arguments.output).write_text(text)


if __name__ == "__main__":
    main()
