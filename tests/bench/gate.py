#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Can `podflame check` be trusted? False alarms and power, by experiment.

    gate.py [--runs N] [--pairs N] [--rounds N] [--pool DIR] [PODFLAME]

Real runs: the workload targets/knob.py is recorded N times as it is and N/2 times with
its 15 % function 20 % slower, in turn. Pairs of 10 runs a side are then drawn from
these and judged. Pairs that share runs are not independent of each other; with --runs
4000 none would have to. The documents of Debian's python3-docutils, if that is installed,
are a second workload, for false alarms only.

Simulated: counts drawn from the shares that the real runs had, so that every pair is
new. This is the test alone, without what real runs have of noise between them.

The recordings stay in --pool, and are used again if they are there. As root, at the
default size: a few minutes of CPU time.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from collections import Counter

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests/e2e"))

import profiles  # noqa: E402

VERDICTS = {0: "pass", 1: "regression", 2: "invalid", 3: "inconclusive"}
PYTHON = "/usr/bin/python3"
BARE = [PYTHON, "-I", "-S"]
KNOB = PROJECT / "tests/bench/targets/knob.py"
RATE = 2500
MORE = 20  # percent
SIDE = 10  # runs
SIMULATED_RUNS = 5
DOCUMENT = """
import gzip, glob
from docutils.core import publish_string
for file in sorted(glob.glob("/usr/share/doc/python3-docutils/[BF]*.txt.gz")):
    publish_string(gzip.open(file, "rt").read(), writer_name="html", settings_overrides={"report_level": 5})
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- real runs -------------------------------------------------------------------


def record(podflame, file, command):
    if not file.exists():
        subprocess.run([podflame, "record", "-q", "-r", str(RATE), "-f", "otlp", "-o", file, "--", *command],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return file


def make_pool(options):
    """{name: [files]}, recorded in turn, so that no side has a part of the day of its own."""
    kinds = {
        "as it is": [*BARE, KNOB, str(options.rounds)],
        "slower": [*BARE, KNOB, str(options.rounds), str(MORE)],
        "short": [*BARE, KNOB, str(options.rounds // 20)],
        "short slower": [*BARE, KNOB, str(options.rounds // 20), str(MORE)],
    }
    if subprocess.run([PYTHON, "-c", "import docutils"], stderr=subprocess.DEVNULL).returncode == 0:
        kinds["docutils"] = [PYTHON, "-c", DOCUMENT]
    pool = {name: [] for name in kinds}
    for i in range(options.runs):
        for name, command in kinds.items():
            if i % 2 == 0 or name in ("as it is", "docutils"):
                file = options.pool / ("%s-%d.json" % (name.replace(" ", "-"), i))
                pool[name].append(record(options.podflame, file, command))
        say("recorded %d of %d" % (i + 1, options.runs))
    return pool


def check(options, base, new):
    """The verdict on two lists of files, and the functions that it names."""
    done = subprocess.run([options.podflame, "check", "-f", "json", "--base", *base, "--new", *new],
                          capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert VERDICTS[done.returncode] == report["verdict"] != "invalid", done.stdout[:1000] + done.stderr
    return report


def draw(options, base, new, side, chance, pairs=None):
    """Judges as many pairs as are wanted: runs of the pools, no run on both sides."""
    reports = []
    for _ in range(pairs or options.pairs):
        chosen = chance.sample(base, side)
        rest = [file for file in new if file not in chosen]
        reports.append(check(options, chosen, chance.sample(rest, side)))
    return reports


# ---- simulated ones ----------------------------------------------------------------


def shares_of(options, pool):
    """The self shares of the workload, as they were recorded."""
    report = check(options, pool["as it is"][::2], pool["as it is"][1::2])
    shares = {f["name"]: f["self"]["share"]["base"] for f in report["functions"]}
    return {name: share for name, share in shares.items() if share >= 0.001}


def simulate(options, shares, samples, more, chance):
    """Two sides of independent samples; the second has `tuned` slower by @more percent."""
    slower = {name: share * (1 + more / 100 if name == "tuned" else 1) for name, share in shares.items()}
    with tempfile.TemporaryDirectory(prefix="podflame-gate-") as folder:
        files = []
        for name, weights in (("base", shares), ("new", slower)):
            runs = []
            for number in range(SIMULATED_RUNS):
                drawn = Counter(chance.choices(list(weights), weights.values(), k=samples // SIMULATED_RUNS))
                runs.append(profiles.run({("main", function): n for function, n in drawn.items()}, number))
            files.append([profiles.write(pathlib.Path(folder, name), *runs)])
        return check(options, *files)


# ---- the table -----------------------------------------------------------------------


def row(title, reports):
    verdicts = Counter(report["verdict"] for report in reports)
    named = sum(any(cause["function"].endswith(":tuned") or cause["function"] == "tuned"
                    for cause in report["causes"]) for report in reports)
    samples = sum(report["base"]["samples"] for report in reports) / len(reports)
    cells = ["%5.1f %%" % (100 * verdicts[v] / len(reports)) for v in ("pass", "inconclusive", "regression")]
    print("| %-44s | %6d | %5d | %s | %5.1f %% |" % (title, samples, len(reports), " | ".join(cells),
                                                 100 * named / len(reports)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podflame", nargs="?", default=str(PROJECT / "build/podflame"))
    parser.add_argument("--runs", type=int, default=48)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=400, help="of the workload in a run")
    parser.add_argument("--pool", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir(), "podflame-gate"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    options.pool.mkdir(exist_ok=True)
    pool = make_pool(options)
    same, slower = pool["as it is"], pool["slower"]
    print("| %-44s | %6s | %5s | %7s | %12s | %10s | names it |" % (
        "pairs", "a side", "pairs", "pass", "inconclusive", "regression"))
    print("|---|--:|--:|--:|--:|--:|--:|")
    row("real runs, identical", draw(options, same, same, SIDE, chance))
    row("real runs, 15 %% function +%d %%" % MORE, draw(options, same, slower, SIDE, chance))
    row("real short runs, identical", draw(options, pool["short"], pool["short"], SIDE // 2, chance))
    row("real short runs, 15 %% function +%d %%" % MORE,
        draw(options, pool["short"], pool["short slower"], SIDE // 2, chance))
    if "docutils" in pool:
        row("real runs of docutils, identical", draw(options, pool["docutils"], pool["docutils"], SIDE, chance, options.pairs // 4))
    shares = shares_of(options, pool)
    for samples in (500, 2000, 6000, 20000, 60000):
        for more in (0, 10, 20, 50):
            title = "simulated, 15 %% function +%d %%" % more if more else "simulated, identical"
            row(title, [simulate(options, shares, samples, more, chance) for _ in range(options.pairs)])


if __name__ == "__main__":
    main()
