#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which measure of a function varies least between runs of the same code? From recordings that gate_suites.py has made.

    gate_measures.py FILE...          # recordings of one suite, unchanged code, in the order in which they were made

Each measure is judged by how many runs a side it takes to find a function that has become 20 % slower, at a level of
0.01 / 50 functions and with a power of 90 %: 2 ((z + z') sd / effect)², where sd is the standard deviation of the
measure's logarithm between runs, counting noise included. The measures, of functions of the project that have 2 to 30 %:

    share               of the samples in tests: what podflame check judges
    CPU time            of a run: samples times their period
    CPU time, paired    the same, each run divided by the one before it
    cost per test       CPU time below the frame of a test, paired: of the test that shows it with the fewest runs. A
                        function that has half of its test makes that slower by 10 %

Runs whose coverage is low are left out, as podflame check does. At least 4 have to stay.
"""

import argparse
import collections
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[2]
FRAME = re.compile(r"(.*) \(((?:/|<).*):\d+\)$")
FOREIGN = ("/dist-packages/", "/site-packages/", "/usr/lib/python")
TEST = "runtestprotocol"
SLOWER, TESTS, LEVEL, POWER = 0.2, 50, 0.01, 0.9
LEAST, MOST = 0.02, 0.3
TEST_LEAST = 0.01  # of the samples: of shorter tests nothing can be said


def own_frames(stack):
    """The project's functions from the test on, root first; [] outside of tests and in imports."""
    frames = [match.groups() for match in map(FRAME.match, stack.split(";")) if match]
    starts = [i for i, (name, file) in enumerate(frames) if name == TEST]
    if not starts or any(file.startswith("<frozen importlib") for _, file in frames[starts[0]:]):
        return []
    return [(name, file) for name, file in frames[starts[0]:] if file[0] == "/" and not any(f in file for f in FOREIGN)]


class Run:
    def __init__(self, podflame, file):
        self.functions, self.tests, self.inside = (collections.Counter() for _ in range(3))
        self.samples = 0
        text = subprocess.run([podflame, "convert", "-f", "folded", file], check=True, capture_output=True, text=True).stdout
        for line in text.splitlines():
            stack, count = line.rsplit(" ", 1)
            frames = own_frames(stack)
            if frames:
                self.add(frames, int(count))

    def add(self, frames, count):
        self.samples += count
        self.tests[frames[0]] += count
        for function in set(frames):
            self.functions[function] += count
            self.inside[frames[0], function] += count


def is_covered(podflame, file):
    done = subprocess.run([podflame, "diff", file, file, "-f", "json"], check=True, capture_output=True, text=True)
    return not json.loads(done.stdout)["base"]["coverage"]["low"]


def spread(values):
    return statistics.stdev(map(math.log, values)) if min(values) > 0 else math.inf


def paired_spread(values):
    """That of a single run, from the ratios of neighbours."""
    ratios = [b / a if a > 0 else 0 for a, b in zip(values[::2], values[1::2])]
    return math.sqrt(statistics.mean(math.log(r) ** 2 for r in ratios) / 2) if min(ratios) > 0 else math.inf


def runs_needed(sd, effect):
    normal = statistics.NormalDist()
    return 2 * ((normal.inv_cdf(1 - LEVEL / TESTS) + normal.inv_cdf(POWER)) * sd / effect) ** 2


def judge_function(runs, function, share):
    """The spread and the effect of each measure."""
    hits = [run.functions[function] for run in runs]
    tests = [test for test in runs[0].tests if sum(r.tests[test] for r in runs) >= TEST_LEAST * sum(r.samples for r in runs)]
    parts = {test: sum(r.inside[test, function] for r in runs) / sum(r.tests[test] for r in runs) for test in tests}
    by_test = [(paired_spread([r.tests[test] for r in runs]), math.log(1 + SLOWER * part))
               for test, part in parts.items() if part > 0]
    found = {"share": (spread([h / r.samples for h, r in zip(hits, runs)]), math.log(1 + SLOWER * (1 - share))),
             "CPU time": (spread(hits), math.log(1 + SLOWER)),
             "CPU time, paired": (paired_spread(hits), math.log(1 + SLOWER))}
    if by_test:
        found["cost per test"] = min(by_test, key=lambda test: test[0] / test[1])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--podflame", default=str(PROJECT / "build/podflame"))
    options = parser.parse_args()
    files = [file for file in options.files if is_covered(options.podflame, file)]
    if len(files) < 4:
        sys.exit("%d of %d runs were covered well enough: too few" % (len(files), len(options.files)))
    runs = [Run(options.podflame, file) for file in files]
    everything, total = sum((run.functions for run in runs), collections.Counter()), sum(run.samples for run in runs)
    judged = {function: n / total for function, n in everything.items()
              if LEAST <= n / total <= MOST and all(run.functions[function] for run in runs)}
    found = collections.defaultdict(list)
    for function, share in judged.items():
        for measure, (sd, effect) in judge_function(runs, function, share).items():
            found[measure].append((sd, effect, runs_needed(sd, effect)))
    print("%d runs, %d samples in tests of each, %d functions" % (len(runs), total / len(runs), len(judged)))
    print("| measure | functions | sd between runs, median | effect, median | runs a side, median | of the worst fifth |")
    print("|---|--:|--:|--:|--:|--:|")
    for measure, rows in found.items():
        sds, effects, needed = (sorted(column) for column in zip(*rows))
        print("| %s | %d | %.1f %% | %.1f %% | %.0f | %.0f |" % (
            measure, len(rows), 100 * statistics.median(sds), 100 * statistics.median(effects), statistics.median(needed),
            needed[int(0.8 * len(needed))]))


if __name__ == "__main__":
    main()
