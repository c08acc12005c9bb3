#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `podflame record -- pytest` costs a test suite: overhead.py [--seconds 60] [--rounds 3] [--python PYTHON ...] [PODFLAME].

The suite (targets/test_documents.py) is run in turn without podflame, with it, and beside a
program that only wakes up for each tick and reads 8 bytes, which is the least for any
profiler (`make build/bench-driver`). Told are the profiler's own CPU time as a share of the
suite's, which is exact, and how much more CPU time the suite itself takes (preempted, caches
of others), which differs from run to run more than it amounts to. Needs Debian's
python3-docutils and python3-pytest, which any interpreter can run.

--against OLD measures another podflame in the same rounds. --output FILE writes the table
of all interpreters: `make bench-overhead` writes OVERHEAD.md.
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


def recorded(program, arguments, tests):
    """CPU seconds of the suite, and of podflame."""
    both, text, _ = run([program, "record", "--verbose", "--rate", str(arguments.rate), "-f", "otlp", "-o",
                         os.devnull, "--", arguments.python, *PYTEST], tests)
    own = float(re.search(r"cost: ([0-9.]+) s of CPU", text)[1])
    print("  " + re.search(r"podflame: (\d+ samples.*)", text)[1], file=sys.stderr)
    return both - own, own


def percent(value):
    return "%.1f %%" % (100 * value)


def spread(values):
    return "%s (%s to %s)" % tuple(percent(value) for value in (statistics.median(values), min(values), max(values)))


def ways(arguments):
    """How each column is measured: a function of the arguments and the number of tests."""
    found = {"alone": plain, "podflame": lambda *rest: recorded(arguments.podflame, *rest)}
    if arguments.against:
        found["podflame before"] = lambda *rest: recorded(arguments.against, *rest)
    return {**found, "the least": ticked}


def measure(arguments):
    """Of one interpreter: a list of (suite, own) seconds by way, and the number of tests."""
    base, trial = (plain(arguments, tests)[0] for tests in (1, TRIAL))
    tests = max(1, int((arguments.seconds - base) * TRIAL / (trial - base)))
    measures = ways(arguments)
    runs = {way: [] for way in measures}
    for turn in range(arguments.rounds):
        first = turn % len(runs)
        for way in [*runs][first:] + [*runs][:first]:
            runs[way].append(measures[way](arguments, tests))
            print("round %d, %s: %.1f s, and %.2f s of its own" % (turn + 1, way, *runs[way][-1]), file=sys.stderr)
    return runs, tests


def own_share(runs, way):
    """The profiler's CPU time, as parts of the suite's in the same run."""
    return [own / suite for suite, own in runs[way]]


def slower(runs, way):
    """How much more CPU time the suite itself takes than alone."""
    return [suite / alone - 1 for (alone, _), (suite, _) in zip(runs["alone"], runs[way])]


def version(python):
    code = "import sys; print(sys.version.split()[0])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


TABLE = """# What a test suite pays for being profiled

Made by `tests/bench/overhead.py{options}`: pytest with {seconds:g} s of work of docutils, stacks some 50 frames deep and hardly
ever the same twice, at {rate} samples a second. {cpus} CPUs, Linux {kernel}, load average {load:.1f}. Each figure is podflame's
own CPU time, its start and the writing of the profile included, as a share of the suite's: the median of {rounds} rounds, and
the lowest and highest. The least is a program that wakes for each tick and reads 8 bytes.

| CPython | {ways} |
|---|{lines}
"""


def table(arguments, results):
    names = [way for way in ways(arguments) if way != "alone"]
    text = TABLE.format(
        options="".join(" --%s" % name for name in ("crowded", "against") if getattr(arguments, name)),
        seconds=arguments.seconds, rate=arguments.rate, cpus=os.cpu_count(), kernel=os.uname().release.partition("-")[0],
        load=os.getloadavg()[0], rounds=arguments.rounds, ways=" | ".join(names), lines="---|" * len(names))
    for python, runs in results.items():
        text += "| %s | %s |\n" % (version(python), " | ".join(spread(own_share(runs, way)) for way in names))
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("podflame", nargs="?", default=str(PROJECT / "build/podflame"), help="the program to measure")
    parser.add_argument("--against", metavar="PODFLAME", help="another one, measured in the same rounds")
    parser.add_argument("--driver", default=str(PROJECT / "build/bench-driver"))
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds of a run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--python", nargs="+", default=["/usr/bin/python3"], help="the interpreters that run the suite")
    parser.add_argument("--crowded", action="store_true",
                        help="of a machine that has other work, give suite and profiler a larger share, both the same")
    parser.add_argument("--output", help="where to write the table")
    arguments = parser.parse_args()
    if arguments.crowded:
        if os.getpid() != os.getpgid(0):
            os.setsid()  # a session is a group of its own
        pathlib.Path("/proc/self/autogroup").write_text("-15")
    results = {}
    for python in list(arguments.python):
        arguments.python = python
        results[python], tests = measure(arguments)
        print("%s: %d tests, %d Hz, load average %.1f" % (version(python), tests, arguments.rate, os.getloadavg()[0]))
        for way in ways(arguments):
            if way != "alone":
                print("%s: %s of the suite's CPU time; the suite itself %s more" % (
                    way, spread(own_share(results[python], way)), spread(slower(results[python], way))))
    if arguments.output:
        pathlib.Path(arguments.output).write_text(table(arguments, results))


if __name__ == "__main__":
    main()
