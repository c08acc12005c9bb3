#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `podflame record -- pytest` costs a test suite: overhead.py [--seconds 60] [--rounds 3] [--python PYTHON] [PODFLAME].

The suite (targets/test_documents.py) is run with and without podflame in turn. Told are
podflame's own CPU time as a share of the suite's, which is exact, and how much more CPU
time the suite itself takes (preempted, caches of others), which differs from run to run
more than it amounts to. Needs Debian's python3-docutils and python3-pytest, which any
interpreter can run.
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


def run(command, tests):
    """CPU seconds of @command and its children, and what it said."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=dict(os.environ, DOCUMENTS=str(tests), PYTHONPATH=PACKAGES))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        text = log.read()
    if process.returncode != 0:
        sys.exit("%s ended with %d:\n%s" % (" ".join(command), process.returncode, text[-2000:]))
    return usage.ru_utime + usage.ru_stime, text


def plain(arguments, tests):
    return run([arguments.python, *PYTEST], tests)[0]


def recorded(arguments, tests, output):
    """CPU seconds of the suite, and of podflame."""
    both, text = run([arguments.podflame, "record", "--verbose", "--rate", str(arguments.rate), "-f", "otlp", "-o",
                      str(output), "--", arguments.python, *PYTEST], tests)
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
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds of a run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that runs the suite")
    arguments = parser.parse_args()
    base = plain(arguments, 1)
    tests = max(1, int((arguments.seconds - base) * TRIAL / (plain(arguments, TRIAL) - base)))
    shares, growth = [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.rounds):
            if turn % 2:
                suite, own = recorded(arguments, tests, pathlib.Path(folder, "out.json"))
                alone = plain(arguments, tests)
            else:
                alone = plain(arguments, tests)
                suite, own = recorded(arguments, tests, pathlib.Path(folder, "out.json"))
            shares.append(own / alone)
            growth.append(suite / alone - 1)
            print("round %d: %.1f s alone; %.1f s and %.2f s of podflame" % (turn + 1, alone, suite, own),
                  file=sys.stderr)
    print("%d tests, %d Hz, load average %.1f" % (tests, arguments.rate, os.getloadavg()[0]))
    print("podflame's own CPU time:   %s of the suite's" % spread(shares))
    print("the suite's own, recorded: %s" % spread(growth))


if __name__ == "__main__":
    main()
