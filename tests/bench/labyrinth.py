#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stacks of tests/targets/labyrinth.py by the million, each judged; any that cannot have been is shown.

    make all build/bench-driver && tests/bench/labyrinth.py --samples 5000000 3.11 3.12

As root. By default all Pythons of this host, a million each, at 20 kHz; --mode wall
goes through `podflame record`, as --mode record does. Fails if a stack was impossible,
or a thousandth of the samples was torn or lost.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests/e2e"), str(PROJECT / "tests")]

import steps  # noqa: E402
import truth  # noqa: E402
from interpreters import ON_HOST  # noqa: E402

SUMMARY = re.compile(r"(\d+) samples of .*; torn (\d+), retried \d+, late \d+, lost (\d+)")
UNACCOUNTED_MAX = 0.001


def by_driver(pid, seconds, rate):
    """Folded stacks, samples, and those without a stack."""
    with tempfile.NamedTemporaryFile("r") as numbers:
        done = subprocess.run([str(PROJECT / "build/bench-driver"), "stacks", str(pid), str(seconds), str(rate),
                               numbers.name], stdout=subprocess.PIPE, text=True, check=True)
        taken, without = (int(word) for word in numbers.read().split())
    return done.stdout, taken, without


def by_record(pid, seconds, rate, *options):
    done = subprocess.run([str(PROJECT / "build/podflame"), "record", "-v", "-p", str(pid), "-d", str(seconds),
                           "-r", str(rate), *options], capture_output=True, text=True, check=True)
    taken, torn, lost = (int(word) for word in SUMMARY.search(done.stderr).groups())
    return done.stdout, taken, torn + lost


MODES = {
    "driver": by_driver,
    "record": by_record,
    "wall": lambda pid, seconds, rate: by_record(pid, seconds, rate, "-m", "wall"),
}


def run(interpreter, options):
    """(samples, impossible ones, those without a stack)."""
    judge = steps.Judge(interpreter.version, threads=options.threads > 0)
    command = [*interpreter.command, str(PROJECT / "tests/targets/labyrinth.py"), "0", str(options.threads)]
    taken = impossible = without = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout.readline() == "ready\n"
        try:
            while taken < options.samples:
                text, n, m = MODES[options.mode](target.pid, options.seconds, options.rate)
                taken, without = taken + n, without + m
                for wrong, frames, count in steps.impossible(truth.parse_folded(text), judge):
                    impossible += count
                    print("%d: %s\n    %s" % (count, wrong, "; ".join(steps.show(frame) for frame in frames)))
        finally:
            target.kill()
    return taken, impossible, without


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1000000)
    parser.add_argument("--seconds", type=int, default=30, help="of each recording")
    parser.add_argument("--rate", type=int, default=20000)
    parser.add_argument("--threads", type=int, default=0, help="that walk beside the main one, for some ms each")
    parser.add_argument("--mode", choices=MODES, default="driver")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="such as 3.11")
    options = parser.parse_args()
    failed = False
    for interpreter in ON_HOST:
        if options.versions and "%d.%d" % interpreter.version not in options.versions:
            continue
        taken, impossible, without = run(interpreter, options)
        print("%-16s %9d samples, %d impossible, %d torn or lost" % (interpreter, taken, impossible, without), flush=True)
        failed = failed or impossible > 0 or without > UNACCOUNTED_MAX * taken
    sys.exit(failed)


main()
