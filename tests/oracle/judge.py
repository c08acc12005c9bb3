#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges profiles of a workload by what the workload knows of itself.

    judge.py --truth truth.json [--rate HZ] [--unit UNIT] [--mode cpu|wall] PROFILE...

For each profile: how much of the time it accounts for, how far the functions' shares are
from the truth, and how many stacks are impossible. README.md says what the words mean.
It ends with 0 if all profiles are right, with 1 if one is wrong, with 2 if one cannot be judged.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import re
import sys
from statistics import NormalDist

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import readers  # noqa: E402

# What profilers put between frames, or instead of them.
MARKER = re.compile(r"<(GC|native|shim|trampolines)>|\(.*\)|\[.*\]")
WITHOUT_PYTHON = "(native)"  # podflame, below the name of a thread that runs no Python
TOLERANCE = 0.02  # of the time
ALARM = 1e-4  # how often a right profile may be called wrong
BOOKING_NS = 2000  # of a function's call, at most, that its books may lack
MADE = re.compile(r"made_\d+")


def simple(name):
    return name.rpartition(".")[2]


# ---- stacks --------------------------------------------------------------------


class Grammar:
    """Which stacks a workload can have: see "grammar" in ledger.py."""

    def __init__(self, grammar):
        self.callers = {name: set(callers) for name, callers in grammar.get("callers", {}).items()}
        self.files = set(grammar.get("files", []))
        self.roots = set(grammar.get("roots", []))
        self.depths = grammar.get("depths", {})

    def ours(self, frame):
        return not frame.file or frame.file in self.files

    def impossible(self, stack):
        """Why the workload cannot have had this stack; "" if it can."""
        if stack and stack[-1].name == WITHOUT_PYTHON and len(stack) == 2:
            return ""
        frames = [frame._replace(name=simple(frame.name)) for frame in stack
                  if frame.file or not MARKER.fullmatch(frame.name)]
        if not frames:
            return ""  # it claims nothing
        if self.roots and frames[0].name not in self.roots:
            return "%s is outermost" % frames[0].name
        for depth, frame in enumerate(frames, 1):
            if self.depths.get(frame.name, depth) != depth:
                return "%s at depth %d" % (frame.name, depth)
        for caller, frame in zip(frames, frames[1:]):
            name = frame.name
            if MADE.fullmatch(name):
                if frame.file and frame.file != name + ".py":
                    return "%s of the file %s" % (name, frame.file)
                name = "made_#"
            elif not self.ours(frame):
                continue
            if name in self.callers and caller.name not in self.callers[name]:
                return "%s calls %s" % (caller.name, frame.name)
        return ""

    def outside(self, stack):
        """The name of a frame that is of the workload's files, and of no function that it has; "" if there is none."""
        return next((frame.name for frame in stack if frame.file in self.files and
                     simple(frame.name) not in self.callers and simple(frame.name) not in self.roots), "")


# ---- verdicts ------------------------------------------------------------------


@dataclasses.dataclass
class Share:
    function: str
    measured: float  # of its group
    truth: float
    sigma: float  # the standard error of what was measured
    slack: float  # how far the truth itself may be off

    @property
    def bias(self):
        return self.measured - self.truth

    @property
    def sigmas(self):
        beyond = max(0.0, abs(self.bias) - self.slack)
        return math.copysign(beyond / self.sigma if self.sigma else beyond and math.inf, self.bias)


@dataclasses.dataclass
class Verdict:
    profile: str
    format: str
    samples: float
    seconds: float = None  # that these stand for; None if the profile does not say it
    truth: float = 0.0  # seconds, by the kernel
    coverage: float = None
    coverage_sigma: float = 0.0
    shares: list = dataclasses.field(default_factory=list)
    impossible: float = 0  # samples
    example: str = ""
    outside: float = 0
    stranger: str = ""  # a function that is outside the grammar
    faults: list = dataclasses.field(default_factory=list)  # sentences

    @property
    def right(self):
        return not self.faults

    @property
    def worst(self):
        return max(self.shares, key=lambda share: abs(share.sigmas), default=None)

    @property
    def per_million(self):
        return 1e6 * self.impossible / self.samples if self.samples else 0.0


class Weights:
    """Samples together: their number, their time, and the square of its standard error."""

    def __init__(self):
        self.count = self.ns = self.squares = 0

    def add(self, sample):
        self.count += sample.count
        if sample.ns is not None:
            self.ns += sample.ns
            self.squares += sample.ns ** 2 / sample.count if sample.count else 0

    @property
    def weight(self):
        return self.ns or self.count

    @property
    def effective(self):
        """So many samples of equal weight would have the same standard error."""
        return self.ns ** 2 / self.squares if self.squares else self.count


def pooled(verdicts):
    """[(function, bias, its standard error)] of several profiles of the same program."""
    found = {}
    for verdict in verdicts:
        for one in verdict.shares:
            found.setdefault(one.function, []).append(one)
    return [(function, sum(one.bias for one in shares) / len(shares),
             math.sqrt(sum(one.sigma ** 2 for one in shares)) / len(shares)) for function, shares in found.items()]


def quantile(alarm, comparisons):
    """So many sigmas are surpassed once in 1/@alarm by any of so many right comparisons."""
    return NormalDist().inv_cdf(1 - alarm / (2 * max(1, comparisons)))


def groups(truth, mode):
    """Functions whose shares of each other are known: {name: (share, how far it may be off)} each."""
    found = [{name: (part / sum(group.values()), 0.0) for name, part in group.items()}
             for group in truth.get("proportions", [])]
    books = {name: (book[mode + "_ns"], book["calls"]) for name, book in truth.get("functions", {}).items()}
    total = sum(ns for ns, _ in books.values())
    calls = sum(calls for _, calls in books.values())
    if len(books) > 1 and total:
        found.append({name: (ns / total, min(1.0, max(own, calls - own) * BOOKING_NS / total))
                      for name, (ns, own) in books.items()})
    return found


def share(function, group, weights):
    truth, slack = group[function]
    total = Weights()
    for name in group:
        for field in ("count", "ns", "squares"):
            setattr(total, field, getattr(total, field) + getattr(weights[name], field))
    if not total.weight:
        return None
    return Share(function, weights[function].weight / total.weight, truth,
                 math.sqrt(truth * (1 - truth) / total.effective), slack)


def weigh(samples, functions):
    """Weights by function. Of those that are watched no two are on a stack: the outermost counts."""
    weights = {name: Weights() for name in functions}
    for sample in samples:
        for frame in sample.stack:
            if simple(frame.name) in weights:
                weights[simple(frame.name)].add(sample)
                break
    return weights


def together(samples):
    weights = Weights()
    for sample in samples:
        weights.add(sample)
    return weights


def judge_stacks(verdict, samples, grammar):
    checked = {}
    for sample in samples:
        if sample.stack not in checked:
            checked[sample.stack] = grammar.impossible(sample.stack), grammar.outside(sample.stack)
        why, outside = checked[sample.stack]
        if why:
            verdict.impossible += sample.count
            verdict.example = verdict.example or "%s: %s" % (why, " ".join(frame.name for frame in sample.stack))
        if outside:
            verdict.outside += sample.count
            verdict.stranger = outside
    if verdict.impossible:
        verdict.faults.append("%d of %d stacks are impossible; %s" % (verdict.impossible, verdict.samples,
                                                                      verdict.example))
    if verdict.outside:
        verdict.faults.append("%d stacks have a function that the program does not have: %s" % (
            verdict.outside, verdict.stranger))


def judge_shares(verdict, known, weights, alarm, points):
    for group in known:
        verdict.shares += filter(None, (share(function, group, weights) for function in group))
    most = quantile(alarm, len(verdict.shares))
    for one in verdict.shares:
        if abs(one.sigmas) > most and abs(one.bias) > points:
            verdict.faults.append("%s has %.2f %%, truth %.2f %%: %+.1f sigmas, more than %.1f" % (
                one.function, 100 * one.measured, 100 * one.truth, one.sigmas, most))


def judge_time(verdict, weights, truth_ns, tolerance, alarm):
    verdict.truth = truth_ns / 1e9
    if not weights.ns and verdict.samples:
        verdict.faults.append("the profile does not say what time its samples stand for: see --rate and --unit")
        return
    if not truth_ns:
        return
    verdict.seconds = weights.ns / 1e9
    verdict.coverage = weights.ns / truth_ns
    # By the truth's number of samples: a profile that lacks many must not have the larger error of few.
    a_sample = weights.squares / weights.ns if weights.ns else 0
    verdict.coverage_sigma = math.sqrt(a_sample / truth_ns)
    most = tolerance + quantile(alarm, 1) * verdict.coverage_sigma
    if abs(verdict.coverage - 1) > most:
        verdict.faults.append("%.3f s of %.3f s are accounted for: %.1f %%, more than %.1f %% off" % (
            verdict.seconds, verdict.truth, 100 * verdict.coverage, 100 * most))


def judge(truth, profile, name="", mode="cpu", tolerance=TOLERANCE, alarm=ALARM, points=0):
    """The Verdict on a readers.Profile. @mode: cpu: what ran; wall: all threads, that slept too.

    In mode wall time and shares are those of the functions that keep books. A share may be @points
    off (0.01: one point) whatever the laws of chance say.
    """
    samples = [sample for sample in profile.samples if mode == "wall" or not sample.idle]
    stacks = [sample for sample in samples if sample.stack]
    verdict = Verdict(name, profile.format, sum(sample.count for sample in samples))
    known = groups(truth, mode)
    functions = {name for group in known for name in group} | set(truth.get("functions", {}))
    weights = weigh(samples, functions)
    if mode == "cpu":
        judge_time(verdict, together(samples), truth.get("cpu_ns", 0), tolerance, alarm)
    else:
        books = truth.get("functions", {})
        booked = [one for one in samples if any(simple(frame.name) in books for frame in one.stack)]
        judge_time(verdict, together(booked), sum(book["wall_ns"] for book in books.values()), tolerance, alarm)
    judge_shares(verdict, known, weights, alarm, points)
    judge_stacks(verdict, stacks, Grammar(truth.get("grammar", {})))
    if not verdict.samples:
        verdict.faults.append("there is no sample")
    return verdict


# ---- the command ---------------------------------------------------------------


def describe(verdict):
    lines = ["%s (%s): %s" % (verdict.profile, verdict.format, "right" if verdict.right else "WRONG"),
             "  samples     %d" % verdict.samples]
    if verdict.coverage is None:
        lines.append("  coverage    unknown")
    else:
        lines.append("  coverage    %.1f %% ± %.1f (%.3f of %.3f s)" % (
            100 * verdict.coverage, 100 * verdict.coverage_sigma, verdict.seconds, verdict.truth))
    for one in verdict.shares:
        lines.append("  share       %-16s %6.2f %%, truth %6.2f %%: bias %+.2f ± %.2f points" % (
            one.function, 100 * one.measured, 100 * one.truth, 100 * one.bias, 100 * one.sigma))
    lines.append("  impossible  %d stacks, %.0f of a million" % (verdict.impossible, verdict.per_million))
    return "\n".join(lines + ["  fault       " + fault for fault in verdict.faults])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truth", required=True, help="what the workload has written")
    parser.add_argument("--rate", type=float, default=0, help="samples a second, where the profile does not say it")
    parser.add_argument("--unit", default=readers.SAMPLES, choices=[readers.SAMPLES, *readers.NS],
                        help="of the numbers of folded stacks (samples)")
    parser.add_argument("--mode", default="cpu", choices=["cpu", "wall"],
                        help="cpu: the samples are of what ran; wall: of all threads (cpu)")
    parser.add_argument("--tolerance", type=float, default=100 * TOLERANCE, help="per cent of the time (2)")
    parser.add_argument("--alarm", type=float, default=ALARM,
                        help="how often a right profile may be called wrong, for each kind of fault (1e-4)")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("profiles", nargs="+", metavar="PROFILE")
    arguments = parser.parse_args()
    verdicts = []
    try:
        truth = json.loads(pathlib.Path(arguments.truth).read_text())
        for path in arguments.profiles:
            profile = readers.read(path, arguments.rate, arguments.unit)
            verdicts.append(judge(truth, profile, path, arguments.mode, arguments.tolerance / 100, arguments.alarm))
    except (readers.Unreadable, OSError, ValueError) as error:
        print("judge.py: %s" % error, file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps([dict(dataclasses.asdict(verdict), right=verdict.right) for verdict in verdicts], indent=1))
    else:
        print("\n".join(map(describe, verdicts)))
    return 0 if all(verdict.right for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
