#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""podflame side by side with its peers: `make bench`, or bench.py [--quick] [PODFLAME].

Prints a table, and writes it to RESULTS.md beside this file (not with --quick).
Fifteen minutes on two cores, three with --quick. Needs root for CPython 3.15's own
profiler and to see other processes.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
import time
from collections import defaultdict

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/oracle"), str(PROJECT / "tests/e2e")]

import figures  # noqa: E402
import interpreters  # noqa: E402
import launch  # noqa: E402
import peers  # noqa: E402
import places  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import workloads  # noqa: E402
from testbed import Unavailable  # noqa: E402

SUITE, NEWEST = "forky", "python3.15"
MAIN = (3, 13)  # the interpreter of the first table, if it is there
OLDEST = (3, 9)  # call churn is judged on every interpreter from this one on
ROUNDS = {False: 3, True: 1}


@dataclasses.dataclass
class Group:
    """An interpreter, the place of its targets, and the profilers that are tried on it."""

    title: str
    place: object
    tools: list
    cases: list
    values: dict = dataclasses.field(default_factory=lambda: defaultdict(list))  # (row, tool): one a round
    reasons: dict = dataclasses.field(default_factory=dict)  # (row, tool): why there are none
    notes: dict = dataclasses.field(default_factory=lambda: defaultdict(dict))
    balance: tuple = ()  # bounds of the true time of leaf_2us_* over leaf_2ms_*


def present(things):
    return [thing for thing in things if thing is not None]


def groups(arguments, scratch, tools, rootfs):
    host = places.Host(sys.executable, scratch)
    cpu = peers.Podflame("podflame", host, arguments.podflame, "cpu")
    if os.path.exists(arguments.driver):
        cpu.floor, cpu.beyond, cpu.met = (peers.Driver(what, host, arguments.driver)
                                          for what in ("floor", "sample", "met"))
    else:
        places.say("left out: the least that sampling costs here: there is no %s: run `make bench`" % arguments.driver)
    wall = peers.Podflame("podflame wall", host, arguments.podflame, "wall")
    loader = rootfs.loader() if rootfs else ()
    austin = places.attempt(peers.Austin, "Austin", host, tools / "austin", loader) if tools else None
    pyspy = places.attempt(peers.PySpy, "py-spy", host, tools) if tools else None
    own = places.attempt(peers.Sampling, "profiling.sampling", rootfs) if rootfs else None
    inside = places.attempt(peers.Austin, "Austin", rootfs, "/srv/austin") if rootfs and tools else None
    everywhere = {False: present([cpu, wall, austin, pyspy]), True: present([cpu, wall, inside, pyspy])}
    found = {i.version: (i.name.split("-")[1], places.Host(i.command[0], scratch))
             for i in interpreters.SUPPORTED_ON_HOST}
    if rootfs:
        found[3, 14] = ("3.14, Debian " + SUITE, rootfs.with_python("python3.14"))
        found[3, 15] = ("3.15, Debian " + SUITE, rootfs)
    main = MAIN if MAIN in found else max(found)

    def group(version, cases, tools=None):
        title, place = found[version]
        return Group("CPython " + title, place, tools or everywhere[isinstance(place, places.Rootfs)], list(cases))

    made = [group(main, figures.CASES)] + ([group((3, 15), figures.CASES, [cpu, own])] if own else [])
    if arguments.quick:
        return made
    churn = [dataclasses.replace(case, rounds=1) for case in figures.CASES if case.workload is workloads.CHURN]
    idle = places.attempt(peers.PySpy, "py-spy --idle", host, tools, "wall", ["--idle"]) if tools else None
    waiting = group(main, figures.WAITING, present([wall, austin, idle]))
    waiting.title += ", threads that wait"
    return made + [waiting] + [group(version, churn) for version in sorted(found) if version >= OLDEST and version != main]


def measure_once(group, case, tool, target, seconds):
    try:
        for row, value in case.run(tool, target, seconds, group.notes[tool.name]).items():
            group.values[row, tool.name].append(value)
        return True
    except Unavailable as error:
        rows = [row.key for row in figures.ROWS] if case.run is figures.start else case.rows
        for row in rows:
            group.reasons[row, tool.name] = str(error)
        return False


def run_case(group, case, seconds, turn):
    """All tools in turn, on the same running target; in every round another one is first."""
    first = turn % len(group.tools)
    with workloads.Target(case.workload, group.place) as target:
        for tool in group.tools[first:] + group.tools[:first]:
            if (case.rows[0], tool.name) not in group.reasons:
                began = time.monotonic()
                done = measure_once(group, case, tool, target, seconds)
                took = time.monotonic() - began
                places.say("  %-20s %-18s %4.1f s%s" % (case.name, tool.name, took, "" if done else ": no"))
            if not os.path.exists("/proc/%d" % target.pid) or target.process.poll() is not None:
                places.say("  %s: the target has ended under %s" % (case.name, tool.name))
                return


BOOKS = "books"  # the name of that part for --only
BOOKS_SECONDS, BOOKS_RATE = 3, 1000


def books(arguments, scratch, tools, rootfs, rounds):
    """The oracle's table: how much of the time each profiler accounts for, and how truly."""
    found = {i.version: i for i in interpreters.SUPPORTED_ON_HOST}
    interpreter = found[MAIN if MAIN in found else max(found)]
    columns = run.columns(run.NAMES, interpreter.command[0], arguments.podflame, scratch, tools, rootfs)
    pools = run.measure(columns, run.chosen(run.SHORT), rounds, BOOKS_SECONDS, BOOKS_RATE)
    version = "CPython %s" % ".".join(map(str, interpreter.version))
    return "## What is accounted for\n\n%s\n\n%s" % (
        run.table(columns, run.chosen(run.SHORT), pools), run.notes(rounds, BOOKS_SECONDS, BOOKS_RATE, version))


def is_wanted(arguments, name):
    return not arguments.only or name in arguments.only.split(";")


def bench(arguments, scratch, tools, rootfs):
    load = "%.1f" % os.getloadavg()[0]
    rounds = arguments.rounds or ROUNDS[arguments.quick]
    everything = groups(arguments, scratch, tools, rootfs)
    for group in everything:
        group.balance = launch.describe(workloads.LEAVES.known, group.place)["balance"]
    for turn in range(rounds):
        for group in everything:
            cases = [case for case in group.cases if (case.headline or not arguments.quick) and
                     is_wanted(arguments, case.name) and turn < (case.rounds or rounds)]
            if cases:
                places.say("round %d of %d: %s" % (turn + 1, rounds, group.title))
            for case in cases:
                run_case(group, case, max(1, case.seconds // 2) if arguments.quick else case.seconds, turn)
    command = "make bench" if not arguments.quick else "bench.py --quick" + " --crowded" * arguments.crowded
    part = not arguments.quick and is_wanted(arguments, BOOKS)
    accounts = books(arguments, scratch, tools, rootfs, rounds) if part else ""
    return report.markdown(everything, accounts, command, rounds, 1 if arguments.quick else 2, load)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podflame", nargs="?", default=str(PROJECT / "build/podflame"), help="the program to measure")
    parser.add_argument("--driver", default=str(PROJECT / "build/bench-driver"), help="made by `make bench`")
    parser.add_argument("--quick", action="store_true", help="three minutes: one round, headline figures only")
    parser.add_argument("--crowded", action="store_true",
                        help="of a machine that has other work, give targets and profilers a larger share, all the same")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--only", default="", metavar="CASES",
                        help="these cases only, such as \"call churn;start\"; \"%s\" is what is accounted for" % BOOKS)
    parser.add_argument("--output", help="where to write the table too (RESULTS.md beside this file; none if --quick)")
    arguments = parser.parse_args()
    places.autogroup = -15 if arguments.crowded else 0
    partial = arguments.quick or arguments.only
    output = arguments.output or (None if partial else pathlib.Path(__file__).with_name("RESULTS.md"))
    with places.scratch() as scratch:
        tools = places.attempt(places.tools)
        rootfs = places.attempt(places.Rootfs, SUITE, NEWEST, scratch, tools)
        try:
            text = bench(arguments, scratch, tools, rootfs)
        finally:
            if rootfs:
                rootfs.close()
    print(text)
    if output:
        pathlib.Path(output).write_text(text)


if __name__ == "__main__":
    main()
