#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `podflame record -- pytest` costs a test suite: overhead.py [--seconds 60] [--rounds 3] [--python PYTHON] [PODFLAME].

The suite (targets/test_documents.py) is run in turn without podflame, with it, and beside a
program that only wakes up for each tick and reads 8 bytes, which is the least for any
profiler (`make build/bench-driver`). Told are the profiler's own CPU time as a share of the
suite's, which is exact, and how much more CPU time the suite itself takes (preempted, caches
of others), which differs from run to run more than it amounts to. Needs Debian's
python3-docutils and python3-pytest, which any interpreter can run.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SUITE = pathlib.Path(__file__).with_name("targets") / "test_documents.py"
PYTEST = ["-W", "ignore", "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", str(SUITE)]
PACKAGES = "/usr/lib/python3/dist-packages"
TRIAL = 40  # tests by which the length of a run is chosen


def cpu_seconds(process):
    """Waits for @process: what it and its children took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def run(command, tests, beside=None):
    """CPU seconds of @command and its children, what it said, and CPU seconds of what @beside(its PID) has started."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=dict(os.environ, DOCUMENTS=str(tests), PYTHONPATH=PACKAGES))
        other = beside(process.pid) if beside else None
        seconds = cpu_seconds(process)
        log.seek(0)
        text = log.read()
    if other:
        other.terminate()
    if process.returncode != 0:
        sys.exit("%s ended with %d:\n%s" % (" ".join(command), process.returncode, text[-2000:]))
    return seconds, text, cpu_seconds(other) if other else 0


def plain(arguments, tests):
    return run([arguments.python, *PYTEST], tests)[0], 0


def ticked(arguments, tests):
    """CPU seconds of the suite, and of the least of profilers."""
    def start(pid):
        return subprocess.Popen([arguments.driver, "floor", str(pid), "3600", str(arguments.rate), os.devnull])

    suite, _, own = run([arguments.python, *PYTEST], tests, start)
    return suite, own


def recorded(arguments, tests):
    """CPU seconds of the suite, and of podflame."""
    both, text, _ = run([arguments.podflame, "record", "--verbose", "--rate", str(arguments.rate), "-f", "otlp", "-o",
                         os.devnull, "--", arguments.python, *PYTEST], tests)
    own = float(re.search(r"cost: ([0-9.]+) s of CPU", text)[1])
    print("  " + re.search(r"podflame: (\d+ samples.*)", text)[1], file=sys.stderr)
    return both - own, own


def percent(value):
    return "%+.2f %%" % (100 * value)


def spread(values):
    return "%s (%s to %s)" % tuple(percent(value) for value in (statistics.median(values), min(values), max(values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podflame", nargs="?", default=str(PROJECT / "build/podflame"), help="the program to measure")
    parser.add_argument("--driver", default=str(PROJECT / "build/bench-driver"))
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds of a run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that runs the suite")
    arguments = parser.parse_args()
    base, trial = (plain(arguments, tests)[0] for tests in (1, TRIAL))
    tests = max(1, int((arguments.seconds - base) * TRIAL / (trial - base)))
    runs = {"alone": [], "podflame": [], "the least": []}
    measures = {"alone": plain, "podflame": recorded, "the least": ticked}
    for turn in range(arguments.rounds):
        for way in [*runs][turn % 3:] + [*runs][:turn % 3]:
            runs[way].append(measures[way](arguments, tests))
            print("round %d, %s: %.1f s, and %.2f s of its own" % (turn + 1, way, *runs[way][-1]), file=sys.stderr)
    print("%d tests, %d Hz, load average %.1f" % (tests, arguments.rate, os.getloadavg()[0]))
    alone = [suite for suite, _ in runs.pop("alone")]
    for way, of_way in runs.items():
        print("%s: %s of the suite's CPU time; the suite itself %s" % (
            way, spread([own / base for base, (_, own) in zip(alone, of_way)]),
            spread([suite / base - 1 for base, (suite, _) in zip(alone, of_way)])))


if __name__ == "__main__":
    main()
