# SPDX-License-Identifier: Apache-2.0
"""The figures: what is measured, tool by tool, and how repeated measurements are put together.

A Case measures one tool once and returns {row: value}. The bench takes the tools in
turn, and does so again, so that what else happens on the machine hits them alike. A
Row says what its values mean and how those of all rounds become one cell.
"""

import dataclasses
import math
import statistics
import time
from collections import Counter
from typing import Callable

import judge
import measure
import workloads
from testbed import Unavailable

SETTLE_SECONDS = 1  # of a profiler's run before throughput counts
KEPT = 0.9  # of the samples asked for: a rate that is kept


# ---- rows ----------------------------------------------------------------------


def digits(value):
    if value == 0:
        return "0"
    if abs(value) >= 1000 or isinstance(value, int):
        return f"{value:,.0f}".replace(",", " ")
    return "%.*f" % (max(0, 1 - math.floor(math.log10(abs(value)))), value)


def median(values):
    middle = digits(statistics.median(values))
    low, high = digits(min(values)), digits(max(values))
    return middle if low == high else "%s (%s–%s)" % (middle, low, high)


def best(values):
    return digits(max(values))


def percent(k, n):
    return "0" if k == 0 else "%.2g %%" % (100 * k / n)


def pooled(values):
    """@values: (how many of them, of how many)."""
    values = [(k, n) for k, n in values if n]
    k, n = (sum(column) for column in zip(*values))
    shares = sorted(k / n for k, n in values)
    spread = "" if k == 0 or len(values) == 1 else "; %s to %s" % (percent(shares[0], 1), percent(shares[-1], 1))
    return "%s (%s of %s%s)" % (percent(k, n), digits(k), digits(n), spread)


def sigmas(values):
    """@values: the judge's verdicts; how far the 9:3:1 shares within each length are from the truth."""
    away = [bias / sigma for _, bias, sigma in judge.pooled(values)]
    rms = math.sqrt(sum(z * z for z in away) / len(away)) if away else math.inf
    return "%.1f, worst %+.1f (n = %s)" % (rms, max(away, key=abs, default=math.inf),
                                           digits(sum(verdict.samples for verdict in values)))


def balance(values):
    """@values: counts by leaf function; the time of the shortest over that of the longest ones."""
    counts = sum(values, Counter())
    short, long = (sum(counts["leaf_%s_%d" % (length, part)] for part in workloads.PARTS)
                   for length in (workloads.LENGTHS[0], workloads.LENGTHS[-1]))
    if not short or not long:
        return "%s : %s" % (digits(short), digits(long))
    return "%.3f ± %.3f" % (short / long, short / long * math.sqrt(1 / short + 1 / long))


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    text: str
    cell: Callable = median


ROWS = [
    Row("cpu 10", "CPU per sample, depth 10, 5 kHz: µs"),
    Row("cpu 100", "CPU per sample, depth 100, 5 kHz: µs"),
    Row("cpu 1000", "CPU per sample, depth 1000, 5 kHz: µs"),
    Row("net 10", "… depth 10, without the start: µs"),
    Row("net 100", "… depth 100, without the start: µs"),
    Row("net 1000", "… depth 1000, without the start: µs"),
    Row("floor", "the least for one wake-up and one read: µs"),
    Row("times 10", "… depth 10, without the start, times that"),
    Row("times 100", "… depth 100, without the start, times that"),
    Row("times 1000", "… depth 1000, without the start, times that"),
    Row("calls", "system calls per sample, depth 100, 1 kHz"),
    Row("kept 100", "delivered of 5 kHz, depth 100: %"),
    Row("kept 1000", "delivered of 5 kHz, depth 1000: %"),
    Row("honest", "highest rate kept, depth 100: Hz"),
    Row("most", "most samples per second, depth 100", best),
    Row("ceiling", "… by its CPU per sample, one core", best),
    Row("lost churn", "call churn, 5 kHz: lost or invalid, by its own count", pooled),
    Row("wrong churn", "call churn, 5 kHz: impossible stacks", pooled),
    Row("kept churn", "call churn: delivered of 5 kHz: %"),
    Row("wrong steady", "steady stacks: impossible", pooled),
    Row("wrong generators", "generators, 5 kHz: impossible stacks", pooled),
    Row("wrong coroutines", "coroutines, 5 kHz: impossible stacks", pooled),
    Row("wrong exceptions", "exceptions, 5 kHz: impossible stacks", pooled),
    Row("wrong code churn", "code made and freed, 5 kHz: impossible or stale", pooled),
    Row("lost all", "these six: lost or invalid, by its own count", pooled),
    Row("shares", "error of 9:3:1 shares, 1 kHz: sigmas, r.m.s.", sigmas),
    Row("balance", "time of 2 µs functions over 2 ms ones: truth {0:.3f} to {1:.3f}", balance),
    Row("left 1 thread", "throughput kept, 1 thread at 1 kHz: %"),
    Row("left 16 threads", "throughput kept, 16 busy threads at 100 Hz: %"),
    Row("left 101 threads", "throughput kept, 101 threads, 1 busy, at 100 Hz: %"),
    Row("threads cpu", "101 threads at 100 Hz: CPU, % of a core"),
    Row("threads rate", "101 threads at 100 Hz: stacks per second"),
    Row("left processes", "throughput kept, 16 processes at 100 Hz: %"),
    Row("processes cpu", "16 processes at 100 Hz: CPU, % of a core"),
    Row("processes rate", "16 processes at 100 Hz: stacks per second"),
    Row("sleepers cpu", "1000 sleeping threads at 100 Hz: CPU, % of a core"),
    Row("sleepers rate", "… stacks per second"),
    Row("sleepers each", "… CPU per stack: µs"),
    Row("nappers cpu", "20 threads that nap 1 ms, at 100 Hz: CPU, % of a core"),
    Row("nappers rate", "… stacks per second"),
    Row("nappers each", "… CPU per stack: µs"),
    Row("nappers nap", "… CPU per nap of the target: µs"),
    Row("left nappers", "… naps kept: %"),
    Row("first", "start to first sample: ms"),
    Row("met", "running, meets a process: to its first stack, ms"),
    Row("start cpu", "CPU of the start: ms"),
    Row("memory", "resident memory, call churn: MB"),
]


# ---- cases ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    workload: workloads.Workload
    run: Callable  # (tool, target, seconds, notes) -> {row: value}; notes: of this tool, from case to case
    rows: tuple  # that it fills
    seconds: int = 2
    rounds: int = 0  # 0: as many as the bench does
    headline: bool = True  # also in a quick run


def verdict(run, tool, target):
    return judge.judge(target.truth, run.output.profile, tool.name, tool.mode)


def judged(run, tool, target):
    """The rows that every judged run fills: (impossible stacks, of how many), (lost, of how many)."""
    wrong = round(verdict(run, tool, target).impossible)
    return (wrong, run.output.delivered), (run.output.lost, run.output.delivered + run.output.lost)


def start(tool, target, seconds, notes):
    """Short runs at a low rate, and the first phase that a run at 1 kHz sees.

    A tool that fails here is not tried on the other cases.
    """
    cpu = [measure.profile(tool, target, 1, 10).cpu for _ in range(2)]
    notes["start"] = min(cpu + [notes["start"]] if "start" in notes else cpu)
    run = measure.profile(tool, target, 1, 1000)
    seen = sorted({int(name[6:]) for stack in run.output.stacks for name, _, _ in stack if name.startswith("phase_")})
    count, length = workloads.PHASE_COUNT, workloads.PHASE_SECONDS
    gaps = [((phase - seen[i - 1]) % count, phase) for i, phase in enumerate(seen)]
    first = (max(gaps)[1] * length - run.began) % (count * length)
    return {"first": 1000 * first, "start cpu": 1000 * sum(cpu) / len(cpu),
            **({"met": measure.profile(tool.met, target, 1, 1).output.delivered / 1000} if tool.met else {})}


def cost(depth):
    def run(tool, target, seconds, notes):
        run = measure.profile(tool, target, seconds, 5000)
        wrong, lost = judged(run, tool, target)
        delivered = run.output.delivered
        net = 1e6 * max(0, run.cpu - notes.get("start", 0)) / delivered
        notes["net %d" % depth] = net
        return {"cpu %d" % depth: 1e6 * run.cpu / delivered, "net %d" % depth: net, "wrong steady": wrong,
                "lost all": lost, "kept %d" % depth: 100 * delivered / run.asked,
                **above_floor(tool, target, seconds, depth, net)}
    return run


def above_floor(tool, target, seconds, depth, net):
    if not tool.floor:
        return {}
    run = measure.profile(tool.floor, target, seconds, 5000)
    floor = 1e6 * run.cpu / run.output.delivered
    return {"floor": floor, "times %d" % depth: net / floor}


def calls(tool, target, seconds, notes):
    """Of runs of different length, so that what the start and the end take is left out."""
    few = min(measure.system_calls(tool, target, 1, 1000) for _ in range(2))
    many = measure.system_calls(tool, target, 2 + seconds, 1000)
    if many[1] <= few[1]:
        raise Unavailable("too slow when counted")
    return {"calls": (many[0] - few[0]) / (many[1] - few[1])}


RATES = (1000, 5000, 10000, 20000, 50000, 100000, 200000)


def ramp(tool, target, seconds, notes):
    """Raises the rate until less than half of it is delivered."""
    honest = most = 0
    for rate in RATES:
        sampler = tool.beyond if tool.most and rate > tool.most else tool
        if not sampler:
            break
        run = measure.profile(sampler, target, seconds, rate)
        delivered = run.output.delivered / run.seconds
        most = max(most, delivered)
        kept = run.output.delivered / run.asked
        if kept >= KEPT:
            honest = rate
        if kept < 0.5:
            break
    found = {"honest": honest, "most": most}
    if notes.get("net 100"):
        found["ceiling"] = 1e6 / notes["net 100"]
    return found


def churn(tool, target, seconds, notes):
    run = measure.profile(tool, target, seconds, 5000)
    wrong, lost = judged(run, tool, target)
    return {"wrong churn": wrong, "lost churn": lost, "lost all": lost, "memory": run.memory / 1e6,
            "kept churn": 100 * run.output.delivered / run.asked}


def stacks(tool, target, seconds, notes):
    wrong, lost = judged(measure.profile(tool, target, seconds, 5000), tool, target)
    return {"wrong " + target.workload.name: wrong, "lost all": lost}


def shares(tool, target, seconds, notes):
    run = measure.profile(tool, target, seconds, 1000)
    leaves = Counter()
    for stack, count in run.output.stacks.items():
        name = next((frame.name for frame in stack if frame.name.startswith("leaf_")), None)
        leaves.update({name: count} if name else {})
    return {"shares": verdict(run, tool, target), "balance": leaves}


def pace(target, seconds):
    """Work per second, over @seconds from now."""
    begin, work = time.monotonic(), target.work()
    time.sleep(seconds)
    return (target.work() - work) / (time.monotonic() - begin)


def throughput(key, rate, cost=None, **options):
    """The target's work with the profiler over that before and after. @cost: the rows for its CPU and rate."""
    def run(tool, target, seconds, notes):
        found = {}

        def during():
            time.sleep(SETTLE_SECONDS)
            found["with"] = pace(target, seconds)

        before = pace(target, seconds / 2)
        run = measure.profile(tool, target, SETTLE_SECONDS + seconds + 1, rate, during, **options)
        after = pace(target, seconds / 2)
        net = max(0, run.cpu - notes.get("start", 0)) / (SETTLE_SECONDS + seconds + 1)
        result = {"left " + key: 100 * found["with"] / ((before + after) / 2)}
        if cost:
            result.update({cost + " cpu": 100 * net, cost + " rate": run.output.delivered / run.seconds})
        return result
    return run


def waiting(key):
    """What it takes to sample threads that wait, the start included; and of threads that nap, how many naps are left."""
    def run(tool, target, seconds, notes):
        during = {}

        def look():
            time.sleep(SETTLE_SECONDS)
            during["pace"] = pace(target, seconds)

        before = pace(target, seconds / 2)
        run = measure.profile(tool, target, SETTLE_SECONDS + seconds + 1, 100, look, threads=True)
        after = pace(target, seconds / 2)
        found = {key + " cpu": 100 * run.cpu / run.seconds, key + " rate": run.output.delivered / run.seconds,
                 key + " each": 1e6 * run.cpu / run.output.delivered}
        if before:
            found.update({"left " + key: 100 * during["pace"] / ((before + after) / 2),
                          key + " nap": 1e6 * run.cpu / (during["pace"] * run.seconds)})
        return found
    return run


JUDGED = (workloads.GENERATORS, workloads.COROUTINES, workloads.EXCEPTIONS, workloads.CODE)
ONE, SIXTEEN, HUNDRED = workloads.CROWDS

CASES = [
    Case("start", workloads.PHASES, start, ("first", "start cpu")),
    *(Case("cost at depth %d" % depth, workloads.STEADY[depth], cost(depth), ("cpu %d" % depth, "net %d" % depth))
      for depth in workloads.STEADY),
    Case("call churn", workloads.CHURN, churn, ("lost churn", "wrong churn", "memory", "kept churn"), seconds=3),
    *(Case(workload.name, workload, stacks, ("wrong " + workload.name,), rounds=2, headline=False)
      for workload in JUDGED),
    Case("shares", workloads.LEAVES, shares, ("shares", "balance"), seconds=4),
    Case("1 thread", ONE, throughput("1 thread", 1000), ("left 1 thread",)),
    Case("16 threads", SIXTEEN, throughput("16 threads", 100, threads=True), ("left 16 threads",), seconds=1, rounds=2,
         headline=False),
    Case("101 threads", HUNDRED, throughput("101 threads", 100, "threads", threads=True),
         ("left 101 threads", "threads cpu", "threads rate")),
    Case("16 processes", workloads.PROCESSES, throughput("processes", 100, "processes", children=True),
         ("left processes", "processes cpu", "processes rate"), seconds=1, rounds=2, headline=False),
    Case("rates", workloads.STEADY[100], ramp, ("honest", "most", "ceiling"), seconds=1, rounds=1),
    Case("system calls", workloads.STEADY[100], calls, ("calls",), rounds=1),
]

# Of profilers that are told to sample threads that wait.
WAITING = [
    Case("1000 sleeping threads", workloads.SLEEPERS, waiting("sleepers"),
         ("sleepers cpu", "sleepers rate", "sleepers each"), seconds=3),
    Case("20 napping threads", workloads.NAPPERS, waiting("nappers"),
         ("nappers cpu", "nappers rate", "nappers each", "nappers nap", "left nappers"), seconds=3),
]
