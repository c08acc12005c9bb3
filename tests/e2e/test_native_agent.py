# SPDX-License-Identifier: Apache-2.0
"""agent --native, confined as it always is: C code on the collector's page, named, between the Python frames."""

import subprocess

import pytest

from collector import Collector, agent, flatten
from program import MARGIN_SECONDS, eventually

COMPRESSES = """
import os, zlib
data = os.urandom(100000) * 3
def squeeze(_): return zlib.compress(data)
def maps(): return list(map(squeeze, [1]))
print("ready", flush=True)
while True: maps()
"""


def start():
    target = subprocess.Popen(["/usr/bin/python3", "-c", COMPRESSES], stdout=subprocess.PIPE, text=True)
    assert target.stdout.readline() == "ready\n"
    return target


def names_on_paths(collector, series):
    tree = collector.json("tree", series=series["id"])
    return [path for path, _ in flatten(tree["tree"])]


def series_of_pid(collector, pid):
    """The series of the only process that the agent has selected."""
    found = [series for series in collector.json("series") if series.get("samples")]
    assert len(found) <= 1, found
    return found[0] if found else None


def test_the_agent_sends_c_code_with_its_names(tmp_path):
    with subprocess.Popen(["/usr/bin/python3", "-c", COMPRESSES], stdout=subprocess.PIPE, text=True) as target:
        try:
            assert target.stdout.readline() == "ready\n"
            with Collector(tmp_path / "collector") as collector:
                with agent(tmp_path / "agent", collector.url, "--native", "--window", 2, "--select", "pid=%d" % target.pid):
                    eventually(lambda: series_of_pid(collector, target.pid), MARGIN_SECONDS, "a profile arrives")
                    series = series_of_pid(collector, target.pid)
                    # zlib's own functions: deflate is exported
                    eventually(lambda: [path for path in names_on_paths(collector, series) if path[-1:] == ("deflate",)],
                               MARGIN_SECONDS, "deflate is on the page")
                paths = [path for path in names_on_paths(collector, series) if path[-1] == "deflate"]
                for path in paths:
                    python = [name for name in path if name in ("maps", "squeeze")]
                    assert python == ["maps", "squeeze"], path
                    between = path[path.index("maps") + 1:path.index("squeeze")]
                    assert between, path  # list() and map() are C code that calls Python
        finally:
            target.kill()


def leaves_of(collector, service):
    """The innermost functions of a service, below squeeze()."""
    found = [series for series in collector.json("series") if series["service"] == service and series.get("samples")]
    return {path[-1] for series in found for path in names_on_paths(collector, series) if "squeeze" in path}


@pytest.mark.parametrize("by", ["option", "file"])
def test_a_rule_says_who_gets_native_stacks(by, tmp_path, monkeypatch):
    """Two processes of one program, told apart by the name that each gives itself."""
    rules = tmp_path / "rules"
    rules.write_text("native service=mixed\n")
    option = ("--native-for", "service=mixed") if by == "option" else ("--rules", rules)
    targets = []
    try:
        for name in ("mixed", "plain"):
            monkeypatch.setenv("OTEL_SERVICE_NAME", name)
            targets.append(start())
        chosen = [word for target in targets for word in ("--select", "pid=%d" % target.pid)]
        with Collector(tmp_path / "collector") as collector, \
                agent(tmp_path / "agent", collector.url, "--native", "--window", 2, *option, *chosen):
            eventually(lambda: "deflate" in leaves_of(collector, "mixed"), MARGIN_SECONDS, "deflate of the one")
            eventually(lambda: leaves_of(collector, "plain"), MARGIN_SECONDS, "a profile of the other")
            assert leaves_of(collector, "plain") == {"squeeze"}
    finally:
        for target in targets:
            target.kill()
            target.wait()
