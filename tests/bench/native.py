#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What mixed stacks cost: `make bench-native`, or native.py [--rounds 5] [--seconds 5] [--c FRAMES] [PODFLAME].

A program (targets/chain.py) spends its time in C below Python. It is sampled at 1 kHz without --native, with it, and by
py-spy --native, in turn, on the same running process. Told are the CPU time of the whole profiler for each sample, with
and without its start, and how much of its work the program does meanwhile. In every round another one is first.
"""

import argparse
import os
import pathlib
import re
import statistics
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/oracle"), str(PROJECT / "tests/e2e")]

import figures  # noqa: E402
import measure  # noqa: E402
import peers  # noqa: E402
import places  # noqa: E402
import workloads  # noqa: E402
from grid import padded  # noqa: E402
from testbed import Unavailable  # noqa: E402

RATE, PYTHON_FRAMES = 1000, 10
START_RATE = 10  # at which a second takes little more than the start
HEADING = ["", "CPU per sample, us", "... without the start, us", "start, ms of CPU", "throughput kept, %", "memory, MB",
           "C frames", "stacks not merged"]
UNMERGED = r"native stacks: (\d+) of (\d+) show"


def tools(arguments, place):
    """Those that there are, by name."""
    podflame = [peers.Podflame(name, place, arguments.podflame, "cpu", options)
                for name, options in (("podflame", []), ("podflame --native", ["--native"]))]
    folder = places.attempt(places.tools)
    spy = places.attempt(peers.PySpy, "py-spy --native", place, folder, "wall", ["--native"]) if folder else None
    return podflame + [spy] * (spy is not None)


def frames_of_c(output):
    """Of the stacks that have chain_call: how many frames are no Python."""
    depths = [sum(not frame.file.endswith(".py") for frame in stack)
              for stack in output.stacks if any("chain_call" in frame.name for frame in stack)]
    return statistics.median(depths) if depths else 0


def measure_once(tool, target, seconds):
    """Its figures, in the order of HEADING."""
    found = {}

    def during():
        time.sleep(figures.SETTLE_SECONDS)
        found["with"] = figures.pace(target, seconds)

    start = measure.profile(tool, target, 1, START_RATE).cpu
    before = figures.pace(target, seconds / 2)
    run = measure.profile(tool, target, figures.SETTLE_SECONDS + seconds + 1, RATE, during)
    after = figures.pace(target, seconds / 2)
    unmerged = re.search(UNMERGED, (tool.place.scratch / "log").read_text(errors="replace"))
    return [1e6 * run.cpu / run.output.delivered, 1e6 * max(0, run.cpu - start) / run.output.delivered, 1e3 * start,
            100 * found["with"] / ((before + after) / 2), run.memory / 1e6, frames_of_c(run.output),
            100 * int(unmerged[1]) / int(unmerged[2]) if unmerged else 0]


def measure_all(arguments, place):
    """{tool: rows}"""
    chain = workloads.Workload("chain", "bench/targets/chain.py",
                               ("0", arguments.library, str(PYTHON_FRAMES), str(arguments.c)))
    there = tools(arguments, place)
    values = {tool.name: [] for tool in there}
    with workloads.Target(chain, place) as target:
        for turn in range(arguments.rounds):
            first = turn % len(there)
            for tool in there[first:] + there[:first]:
                try:
                    values[tool.name].append(measure_once(tool, target, arguments.seconds))
                except Unavailable as error:
                    places.say("%s: %s" % (tool.name, error))
                else:
                    places.say("round %d, %s: %s" % (turn + 1, tool.name, [round(v, 1) for v in values[tool.name][-1]]))
    return {name: rows for name, rows in values.items() if rows}


def ratios(values, way, base, column):
    """Of each round: how many times as much @way takes as @base."""
    return [mine[column] / other[column] for mine, other in zip(values[way], values[base])]


def table(values):
    rows = [HEADING] + [[name, *map(figures.median, zip(*rows))] for name, rows in values.items()]
    lines = []
    for way, base in (("podflame --native", "podflame"), ("py-spy --native", "podflame --native")):
        if way in values and base in values:
            whole, net = (figures.median(ratios(values, way, base, column)) for column in (0, 1))
            lines.append("%s takes %s times the CPU time of %s, without the start %s times." % (way, whole, base, net))
    return "\n".join([padded(rows), "", *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podflame", nargs="?", default=str(PROJECT / "build/podflame"), help="the program to measure")
    parser.add_argument("--library", default=str(PROJECT / "build/bench-chain.so"), help="made by `make bench-native`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--c", type=int, default=30, help="frames of C below Python that are the program's own")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that runs the program")
    arguments = parser.parse_args()
    with places.scratch() as scratch:
        values = measure_all(arguments, places.Host(arguments.python, scratch))
    print(table(values))
    print("%d Hz, %d rounds of %d s, load average %.1f" % (RATE, arguments.rounds, arguments.seconds, os.getloadavg()[0]))


if __name__ == "__main__":
    main()
