#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does `podflame check` answer on real test suites? Verdicts on pairs that are the same, and on pairs with a slower function.

    gate_suites.py [--runs N] [--pairs N] [--side N] [--pool DIR] [SUITE...]
    gate_suites.py --run-mode [--pairs N] [--budget TIME] [--pool DIR] [SUITE...]
    gate_suites.py --table [--pool DIR] [SUITE...]

Each suite comes from PyPI, in a pinned version, and is run as it is N times and, in turn, N/2 times from a copy in which one
function of some 5 % is about 20 % slower. Pairs of --side runs a side are drawn from these: no run is on both sides of a pair,
but pairs share runs with each other. Recordings stay in --pool, and are used again.

With --run-mode each pair is a check of its own, of two equal checkouts and then of an equal and a slower one, by
`podflame check --base-dir A --new-dir B -- COMMAND`. Its outcome is a line of run-mode.jsonl in --pool, and its recordings
are kept there as well. So an experiment that was interrupted has its figures (--table), and is continued.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CACHE = PROJECT / ".cache/suites"
PYTHON = "/usr/bin/python3"
RATE = 2500
VERDICTS = ("pass", "inconclusive", "regression", "invalid")

# What makes a function slower is put behind the text that is given. The number of rounds was found by trying. Tests that fail
# on a crowded machine, since they measure time, keep their work and get more patience.
SUITES = {
    "sqlparse": {
        "requirement": "sqlparse==0.6.1 --hash=sha256:ca722573f848ff2d30e40ea30f53a104b7dea7635ea9285891263eb2c58fb6e7", "path": ".", "function": "Token.__init__",
        "file": "sqlparse/sql.py", "behind": "    def __init__(self, ttype, value):\n",
        "slower": "        for _ in range(2): pass\n", "words": [],
        "patience": [("tests/test_dos_prevention.py", "assert dt < 1.0", "assert dt < 1000")]},
    "mistune": {
        "requirement": "mistune==3.4.0 --hash=sha256:2eaf7952af928ca8d33b779762effc1da517b62c6ad85ec8ca957e3b07b9782a", "path": "src", "function": "_split_text_token",
        "file": "src/mistune/_inline/emphasis.py",
        "behind": "    delimiters: List[_Delimiter],\n) -> None:\n    text = token[\"raw\"]\n",
        "slower": "    for _ in range(6000): pass\n", "words": [],
        "patience": [("tests/perf_utils.py", "noise_seconds,", "noise_seconds + 1000,"),
                     ("tests/test_misc.py", "perf_counter() - start, 2.0", "perf_counter() - start, 1000")]},
    "pyparsing": {
        "requirement": "pyparsing==3.3.3 --hash=sha256:928ae7e20211f3b6f3915a72f06a0cfd29ab9d24279dd6346b6b1a7146397d36", "path": ".", "function": "ParserElement.try_parse",
        "file": "pyparsing/core.py",
        "behind": "    def try_parse(\n        self,\n        instring: str,\n        loc: int,\n        *,\n"
                  "        raise_fatal: bool = False,\n        do_actions: bool = False,\n    ) -> int:\n",
        "slower": "        for _ in range(260): pass\n",
        # Random tests do other work in each run; one test fails without a package; diagrams need another one.
        "words": ["--ignore", "tests/test_diagram.py", "-k", "not Random and not random and not range_check"], "patience": []},
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def replace(file, text, other):
    source = file.read_text()
    assert text in source, file
    file.write_text(source.replace(text, other))


def fetch(name, suite):
    """The folders of the suite as it is, of another copy of it, and of the slower one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = next(CACHE.glob("%s-*.tar.gz" % name), None)
    if not archive:
        wanted = CACHE / (name + ".txt")
        wanted.write_text(suite["requirement"] + "\n")
        # pip asks the package itself for its name: what builds it may come as a wheel.
        subprocess.run([PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name,
                        "--require-hashes", "-r", wanted, "-d", CACHE], check=True)
        archive = next(CACHE.glob("%s-*.tar.gz" % name))
    folders = {}
    for kind in ("same", "other", "slower"):
        folder = CACHE / kind / archive.name[:-len(".tar.gz")]
        if not folder.exists():
            shutil.unpack_archive(archive, CACHE / kind)
            for file, text, other in suite["patience"]:
                replace(folder / file, text, other)
            if kind == "slower":
                replace(folder / suite["file"], suite["behind"], suite["behind"] + suite["slower"])
        folders[kind] = folder
    return folders


def command_of(suite):
    return [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite["words"], "tests"]


def record(options, suite, folder, file):
    if not file.exists():
        subprocess.run([options.podflame, "record", "-q", "-s", "-r", str(RATE), "-f", "otlp", "-o", file, "--",
                        *command_of(suite)],
                       cwd=folder, env={**os.environ, "PYTHONPATH": suite["path"]}, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return file


def make_pool(options):
    folders = {name: fetch(name, SUITES[name]) for name in options.suites}
    pool = collections.defaultdict(list)
    for i in range(options.runs):
        for name in options.suites:
            for kind in ("same", "slower"):
                if kind == "same" or i % 2 == 0:
                    file = options.pool / ("%s-%s-%d.json" % (name, kind, i))
                    pool[name, kind].append(record(options, SUITES[name], folders[name][kind], file))
        say("recorded %d of %d" % (i + 1, options.runs))
    return pool


def is_spoiled(options, file):
    """Whether too little was seen of the run, since the machine was busy: `podflame check -- COMMAND` makes another one."""
    done = subprocess.run([options.podflame, "diff", file, file, "-f", "json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["base"]["coverage"]["low"]


def drop_spoiled(options, pool):
    for key, files in pool.items():
        kept = [file for file in files if not is_spoiled(options, file)]
        say("%s: %d of %d runs had too low a coverage, and are left out" % (" ".join(key), len(files) - len(kept), len(files)))
        files[:] = kept


def check(options, base, new):
    done = subprocess.run([options.podflame, "check", "-f", "json", "--base", *base, "--new", *new],
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def growth_of(report, function):
    """By what part of its share the function has grown."""
    for row in report.get("functions", []):
        if row["name"] == function and row["total"]["share"]["base"] > 0:
            return row["total"]["share"]["base"], row["total"]["change"] / row["total"]["share"]["base"]
    return 0, 0


def row_of(options, pool, name, kind, side, chance):
    same, other = pool[name, "same"], pool[name, kind]
    reports, firsts, growths, shares = [], 0, [], []
    for _ in range(options.pairs):
        base = chance.sample(same, side)
        rest = [file for file in other if file not in base]
        if len(rest) < side:
            return
        report = check(options, base, chance.sample(rest, side))
        reports.append(report)
        causes = report.get("causes", [])
        firsts += bool(causes) and causes[0]["function"].endswith(":" + SUITES[name]["function"])
        if report["verdict"] != "invalid":
            share, growth = growth_of(report, SUITES[name]["function"])
            shares.append(share)
            growths.append(growth)
    verdicts = collections.Counter(report["verdict"] for report in reports)
    samples = statistics.mean(report["base"].get("samples", 0) for report in reports)
    print("| %s, %s | %d | %d | %d | %s | %d %% | %.1f %%, %+.0f %% |" % (
        name, kind, side, samples, len(reports),
        " | ".join("%.0f %%" % (100 * verdicts[v] / len(reports)) for v in VERDICTS), 100 * firsts / len(reports),
        100 * statistics.mean(shares or [0]), 100 * statistics.mean(growths or [0])), flush=True)


# ---- run mode --------------------------------------------------------------------------


def keep_recordings(folder, prefix):
    """Gives each recording of a check that goes on a second name, since the check removes its own when it ends."""
    for file in folder.glob("podflame-check-*/*.json"):
        kept = prefix.with_name("%s-%s" % (prefix.name, file.name))
        try:
            if not kept.exists() and file.stat().st_size > 0:
                os.link(file, kept)
        except FileNotFoundError:
            pass


def run_check(options, name, kind, number):
    """One check in run mode, as a line of the records."""
    folders = fetch(name, SUITES[name])
    words = ["--budget", options.budget] if options.budget else []
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.pool) as folder:
        process = subprocess.Popen([options.podflame, "check", "-f", "json", "--base-dir", folders["same"], "--new-dir",
                                    folders[kind], *words, "--", *command_of(SUITES[name])],
                                   stdout=open(folder + "/report", "wb"), stdin=subprocess.DEVNULL,
                                   env={**os.environ, "PYTHONPATH": SUITES[name]["path"], "TMPDIR": folder})
        while process.poll() is None:
            keep_recordings(pathlib.Path(folder), options.pool / ("%s-run-%s-%d" % (name, kind, number)))
            time.sleep(0.2)
        report = json.loads(pathlib.Path(folder, "report").read_text())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"suite": name, "kind": kind, "verdict": report["verdict"], "sentence": report["sentence"],
            "runs": report["base"].get("runs", 0), "samples": report["base"].get("samples", 0),
            "minutes": (time.monotonic() - start) / 60, "load": os.getloadavg()[2], "budget": options.budget or "10m",
            "cpu_minutes": (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60,
            "first": (report.get("causes") or [{"function": ""}])[0]["function"]}


def read_records(options):
    file = options.pool / "run-mode.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def run_mode(options):
    for number in range(options.pairs):
        for name in options.suites:
            for kind in options.kinds:
                if sum((r["suite"], r["kind"]) == (name, kind) for r in read_records(options)) > number:
                    continue
                record_of = run_check(options, name, kind, number)
                with open(options.pool / "run-mode.jsonl", "a") as out:
                    out.write(json.dumps(record_of) + "\n")
                say("%(suite)s, %(kind)s: %(verdict)s, %(runs)d runs a side, %(minutes).1f minutes" % record_of)


def span(values, form):
    texts = [form % value for value in (min(values), max(values))]
    return texts[0] if texts[0] == texts[1] else "%s to %s" % tuple(texts)


def print_run_mode(options):
    print("| suite, new side | checks | %s | named first | runs a side | minutes | of CPU | load |" % " | ".join(VERDICTS))
    print("|---|--:|" + "--:|" * (len(VERDICTS) + 5))
    for name in options.suites:
        for kind in ("other", "slower"):
            rows = [r for r in read_records(options) if (r["suite"], r["kind"]) == (name, kind)]
            if rows:
                firsts = sum(r["first"].endswith(":" + SUITES[name]["function"]) for r in rows)
                print("| %s, %s | %d | %s | %d | %s | %s | %s | %s |" % (
                    name, "equal" if kind == "other" else kind, len(rows),
                    " | ".join(str(sum(r["verdict"] == v for r in rows)) for v in VERDICTS), firsts,
                    span([r["runs"] for r in rows], "%d"), span([r["minutes"] for r in rows], "%.1f"),
                    span([r["cpu_minutes"] for r in rows], "%.1f"), span([r["load"] for r in rows], "%.0f")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="%s (all)" % ", ".join(SUITES))
    parser.add_argument("--podflame", default=str(PROJECT / "build/podflame"))
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--side", type=int, nargs="+", default=[10, 16])
    parser.add_argument("--pool", type=pathlib.Path, default=CACHE / "pool")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run-mode", action="store_true")
    parser.add_argument("--table", action="store_true", help="of what was done in run mode")
    parser.add_argument("--kinds", nargs="+", choices=["other", "slower"], default=["other", "slower"], help="in run mode")
    parser.add_argument("--budget", help="of a check in run mode (podflame's own default)")
    options = parser.parse_args()
    options.suites = options.suites or list(SUITES)
    options.pool.mkdir(parents=True, exist_ok=True)
    if options.run_mode:
        run_mode(options)
    if options.run_mode or options.table:
        print_run_mode(options)
        return
    pool = make_pool(options)
    drop_spoiled(options, pool)
    chance = random.Random(options.seed)
    print("| suite, other side | runs a side | samples a side | pairs | %s | named first | its share, growth |" %
          " | ".join(VERDICTS))
    print("|---|--:|--:|--:|" + "--:|" * (len(VERDICTS) + 2))
    for name in options.suites:
        for side in options.side:
            for kind in ("same", "slower"):
                if pool[name, kind]:
                    row_of(options, pool, name, kind, side, chance)


if __name__ == "__main__":
    main()
