# SPDX-License-Identifier: Apache-2.0
"""podflame record --repeat N -- COMMAND: what a gate reads of several runs of a command."""

import gzip
import json
import os
import platform
import signal
import time

import pytest

from interpreters import SUPPORTED_ON_HOST
from program import MARGIN_SECONDS, Background, eventually, podflame

PYTHON = SUPPORTED_ON_HOST[0]
FAST = [PYTHON.command[0], "-I", "-S"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
COUNTERS = {"ticks", "ok", "retried", "torn", "late", "gone", "failed"}

# Adds a line to a file each time that it is run: how often it was is seen there.
PROGRAM = """
import os, sys, time
with open("runs", "a") as file:
    file.write("run\\n")
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
"""


def value(holder):
    """An attribute's value, as what it is in OTLP's JSON: text or a number."""
    [(kind, text)] = holder["value"].items()
    return {"stringValue": str, "intValue": int, "doubleValue": float}[kind](text)


class Run:
    """A profile of the file: its resource's attributes, its own, and its samples."""

    def __init__(self, document, resource_profiles):
        [scope] = resource_profiles["scopeProfiles"]
        [self.profile] = scope["profiles"]
        dictionary = document["dictionary"]
        strings, table = dictionary["stringTable"], dictionary["attributeTable"]
        self.resource = {entry["key"]: value(entry) for entry in resource_profiles["resource"]["attributes"]}
        self.own = {strings[table[i]["keyStrindex"]]: value(table[i]) for i in self.profile["attributeIndices"]}
        self.begin = int(self.profile["timeUnixNano"])
        self.end = self.begin + int(self.profile["durationNano"])
        self.samples = sum(int(sample["values"][0]) for sample in self.profile["samples"])


def runs_of(path):
    text = path.read_bytes()
    document = json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)
    return [Run(document, resource_profiles) for resource_profiles in document["resourceProfiles"]]


@pytest.fixture
def repeat(tmp_path):
    """repeat(times, code, options…): what podflame returned, and the profiles that it wrote."""
    def repeat(times, code, *options, output="out.json"):
        (tmp_path / "program.py").write_text(code)
        done = podflame("record", "--repeat", times, "-o", output, "-r", 1000, *options, "--", *FAST,
                        "program.py", cwd=tmp_path)
        return done, runs_of(tmp_path / output)
    return repeat


def times_run(folder):
    return (folder / "runs").read_text().count("run")


@pytest.mark.parametrize("output", ["out.json", "out.json.gz"])
def test_each_run_is_a_profile_of_its_own(repeat, tmp_path, output):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text(COMMIT + "\n")
    done, runs = repeat(3, PROGRAM, output=output)
    assert done.returncode == 0, done.stderr
    assert "3 processes in 3 runs" in done.stderr
    assert [run.resource["podflame.run"] for run in runs] == [0, 1, 2] and times_run(tmp_path) == 3
    assert all(run.samples > 50 for run in runs)
    assert all(before.end <= after.begin for before, after in zip(runs, runs[1:])), "one after the other"
    for run in runs:
        assert run.resource["podflame.rate"] == 1000
        assert run.resource["process.runtime.version"].startswith("%d.%d." % PYTHON.version)
        assert run.resource["host.arch"] == {"x86_64": "amd64"}.get(platform.machine(), platform.machine())
        assert run.resource["os.version"] == platform.release()
        assert run.resource["vcs.ref.head.revision"] == COMMIT
        assert run.own["podflame.mode"] == "cpu" and run.own["podflame.engine"] in ("perf", "timer")
        counters = {name: run.own["podflame." + name] for name in COUNTERS}
        assert counters["ok"] == run.samples
        assert sum(counters[name] for name in ("ok", "torn", "gone", "failed")) == counters["ticks"]


def test_children_belong_to_their_run(repeat):
    done, runs = repeat(2, PROGRAM.replace("end =", "child = os.fork()\nend =") + "if child: os.wait()\n", "-s")
    assert done.returncode == 0, done.stderr
    processes = [run for run in runs if "process.pid" in run.resource]  # beside them, what is of no process: their ends
    assert sorted(run.resource["podflame.run"] for run in processes) == [0, 0, 1, 1]
    assert len({run.resource["process.pid"] for run in processes}) == 4


def test_what_outlives_its_run_is_sampled_in_the_next(repeat):
    """A run's profiles are what was sampled while it ran: so a child may be in two of them, without a gap between."""
    done, runs = repeat(3, PROGRAM.replace("+ 0.3", "+ (0.2 if os.fork() else 0.4)"), "-s")
    assert done.returncode == 0, done.stderr
    processes = [run for run in runs if "process.pid" in run.resource]
    pids = [{run.resource["process.pid"] for run in processes if run.resource["podflame.run"] == n} for n in range(3)]
    [child] = pids[0] & pids[1]
    assert "of %d processes in 3 runs" % len(set.union(*pids)) in done.stderr
    its = [run.own for run in processes if run.resource["process.pid"] == child]
    used = sum(own["podflame.accounted_ns"] for own in its) / 1e9
    assert used > 0.3, "most of it"
    assert sum(own["podflame.ok"] for own in its) / 1000 == pytest.approx(used, rel=0.25), done.stderr


def test_a_run_that_fails_is_the_last(repeat, tmp_path):
    done, runs = repeat(5, PROGRAM + "sys.exit(3 * (open('runs').read().count('run') == 2))")
    assert done.returncode == 3
    assert times_run(tmp_path) == 2 and len(runs) == 2, "what was recorded is written"


def test_a_run_without_python_is_the_last(tmp_path):
    done = podflame("record", "--repeat", 3, "-f", "otlp", "-o", tmp_path / "out.json", "--", "sh", "-c",
                    "test -e second && exit; touch second; exec %s -c 'for i in range(10**7): pass'" % " ".join(FAST),
                    cwd=tmp_path)
    assert done.returncode == 1 and "nothing was recorded" in done.stderr
    assert len(runs_of(tmp_path / "out.json")) == 1


def test_command_that_disappears(tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nrm $0\nexec %s -c 'for i in range(10**7): pass'\n" % " ".join(FAST))
    program.chmod(0o755)
    done = podflame("record", "--repeat", 3, "-f", "otlp", "-o", tmp_path / "out.json", "--", program)
    assert done.returncode == 127 and "No such file" in done.stderr
    assert len(runs_of(tmp_path / "out.json")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_told_to_stop_it_runs_nothing_more(tmp_path, number):
    """The command itself takes the signal and ends well."""
    (tmp_path / "program.py").write_text(
        "import signal\nstop = []\nsignal.signal(%d, lambda *_: stop.append(1))\nprint('ready', flush=True)\n" % number +
        PROGRAM.replace("+ 0.3", "+ 20").replace("time.process_time() < end", "time.process_time() < end and not stop"))
    out = tmp_path / "out.json"
    with Background(tmp_path / "run", "record", "--repeat", 3, "-f", "otlp", "-o", out, "--", *FAST, "program.py",
                    cwd=tmp_path) as recording:
        eventually(lambda: "ready" in recording.stdout, 10, "the program starts")
        time.sleep(0.2)
        recording.process.send_signal(number)
        assert recording.process.wait(MARGIN_SECONDS) == 0, recording.stderr
    assert times_run(tmp_path) == 1 and len(runs_of(out)) == 1


@pytest.mark.parametrize("output", ["out", "out.folded", "out.pb.gz", "out.html", "out.txt", "out.speedscope.json"])
def test_a_format_without_runs_is_refused_before_any_is_made(tmp_path, output):
    done = podflame("record", "--repeat", 3, "-o", output, "--", "touch", "ran", cwd=tmp_path)
    assert done.returncode == 2 and "--repeat" in done.stderr and "otlp (-o FILE.otlp.json)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_only_a_command_can_be_repeated(tmp_path):
    for options in (["-p", os.getpid()], ["--repeat", "0"], ["--repeat", "x"]):
        done = podflame("record", "--repeat", 3, *options, "-o", tmp_path / "x")
        assert done.returncode == 2 and "--repeat" in done.stderr
    assert list(tmp_path.iterdir()) == []
