# SPDX-License-Identifier: Apache-2.0
"""agent --native, confined as it always is: C code on the collector's page, named, between the Python frames."""

import subprocess

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
