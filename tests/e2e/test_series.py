# SPDX-License-Identifier: Apache-2.0
"""What deploy/README.md says of types and labels, against what is sent by both protocols in all modes."""

import json
import re
import subprocess
import sys

import pytest

import otlp
import push
from interpreters import BARE_BOOKWORM
from program import Background, eventually
from receiver import Receiver
from testbed import PROJECT

SECONDS = 60
MODES = {"cpu,wall,blame": ("cpu", "wall", "blame"), "gil": ("gil",)}


def table(heading):
    """The rows of the table under that head, without code's quotes."""
    text = (PROJECT / "deploy/README.md").read_text().split("### What a series is")[1].split("\n### ")[0]
    rows = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("|")]
    begin = next(i for i, row in enumerate(rows) if row[0] == heading) + 2
    end = next((i for i, row in enumerate(rows[begin:], begin) if set(row[0]) <= set("-") or row[0] == "label"), len(rows))
    return rows[begin:end]


def type_of(profile):
    """What Pyroscope makes of an OTLP profile's type: pkg/ingester/otlp/convert.go, newProfileBuilder()."""
    kind = list(profile.kind)
    name = "process_cpu" if kind == ["samples", "count", "cpu", "nanoseconds"] else kind[2]
    if name == "process_cpu":
        kind[:2] = "cpu", "nanoseconds"
    return ":".join([name, *kind])


def labels_of(profile):
    """What it makes labels of: texts of a resource's and a scope's attributes, and of a sample's."""
    found = {**dict(profile.labels), **dict(profile.resource)}
    for _, attributes, _ in profile.samples:
        found.update({key: value for key, value in attributes if key not in ("podflame.idle", "podflame.samples")})
    return found


@pytest.fixture(scope="module", params=list(MODES))
def sent(request, tmp_path_factory):
    """(modes, profiles by OTLP, series by push) of threads that keep each other from running."""
    folder = tmp_path_factory.mktemp("series")
    code = ("import threading\ndef burn():\n    while True:\n        pass\n"
            "for _ in range(2):\n    threading.Thread(target=burn).start()")
    with subprocess.Popen([sys.executable, "-S", "-c", code]) as target, Receiver() as plain, Receiver() as pyroscope, \
            Background(folder / "agent", "agent", "--mode", request.param, "--window", "1s", "--rate", 50, "--select",
                       "pid=%d" % target.pid, "--label", "team=a", "--collector", plain.url, "--collector", pyroscope.url,
                       "--protocol", "pyroscope") as pusher:
        try:
            def profiles():
                return [p for path, _, body in list(plain.requests) for p in otlp.profiles(json.loads(body))]

            def series():
                return [s for _, _, body in list(pyroscope.requests) for s in push.series_of(body)]

            eventually(lambda: len({p.kind for p in profiles()}) == len({s.labels["__name__"] for s in series()}) ==
                       len(MODES[request.param]), SECONDS, lambda: pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        finally:
            target.kill()
        yield MODES[request.param], profiles(), series()


def test_types_are_those_of_the_table(sent):
    modes, profiles, series = sent
    rows = {mode: (name, kind, told) for mode, name, kind, told in table("mode")}
    assert set(rows) == {"cpu", "wall", "gil", "blame"}
    for mode in modes:
        name, kind, told = rows[mode]
        of_mode = [p for p in profiles if ("podflame.mode", mode) in p.attributes]
        assert {type_of(p) for p in of_mode} == {kind}
        assert {p.kind[:2] for p in of_mode} == {tuple(re.match(r"(\S+) in (\w+)", told).groups())}
        assert {tuple(s.types) for s in series if s.labels["__name__"] == name} == {(kind,)}
    assert {s.types[0] for s in series} == {type_of(p) for p in profiles} == {rows[mode][1] for mode in modes}


def test_both_tell_the_same_time(sent):
    """Of the same windows, within the period of a sample."""
    modes, profiles, series = sent
    for mode in modes:
        of_mode = [p for p in profiles if ("podflame.mode", mode) in p.attributes]
        by_otlp = sum(sum(values) * (p.period if p.kind[1] == "count" else 1) for p in of_mode for _, _, values in p.samples)
        name = next(row[1] for row in table("mode") if row[0] == mode)
        by_push = sum(sample.ns for s in series if s.labels["__name__"] == name for sample in s.samples)
        assert by_otlp == pytest.approx(by_push, rel=0.01), mode


def test_labels_are_those_of_the_table(sent):
    _, profiles, series = sent
    own = {row[0] for row in table("label") if re.fullmatch(r"\w+", row[0])}
    assert own == {"service_name", "namespace", "workload", "pod", "container", "node"}
    for one in series:
        assert set(one.labels) == {"__name__", "service_name", "node", "team"}, "a process of the host has no others"
        assert not one.sample_labels
    node = series[0].labels["node"]
    for profile in profiles:
        labels = labels_of(profile)
        assert set(labels) == {"service.name", "host.name", "node", "team"}, labels
        assert labels["node"] == node and labels["service.name"] == series[0].labels["service_name"]


def test_no_label_changes_with_a_restart(start, tmp_path):
    """Two containers of the same name, one after the other's start, are one series by either protocol."""
    def labels(folder):
        target = start(BARE_BOOKWORM, "split.py")
        with Receiver() as plain, Receiver() as pyroscope, \
                Background(folder, "agent", "--window", "1s", "--rate", 100, "--select", "container=" + target.id,
                           "--collector", plain.url, "--collector", pyroscope.url, "--protocol", "pyroscope") as pusher:
            eventually(lambda: plain.requests and pyroscope.requests, SECONDS, lambda: pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
            profiles = [p for _, _, body in plain.requests for p in otlp.profiles(json.loads(body))]
            assert {dict(p.attributes)["container.id"] for p in profiles} == {target.id}, "it is told all the same"
            return ([labels_of(p) for p in profiles] +
                    [s.labels for _, _, body in pyroscope.requests for s in push.series_of(body)])

    first, second = labels(tmp_path / "1"), labels(tmp_path / "2")
    assert {frozenset(one.items()) for one in first} == {frozenset(one.items()) for one in second}
    assert not any(re.fullmatch(r"[0-9a-f]{12,64}", value) for one in first + second for value in one.values())
