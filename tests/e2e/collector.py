# SPDX-License-Identifier: Apache-2.0
"""A collector and an agent under test, and questions to the collector over HTTP."""

import contextlib
import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

from program import MARGIN_SECONDS, Background, eventually


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def metric(port, name):
    """What /metrics tells by that name, all labels together."""
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=MARGIN_SECONDS) as answer:
        return sum(map(float, re.findall(r"^%s(?:{[^}]*})? (\S+)" % name, answer.read().decode(), re.M)))


@contextlib.contextmanager
def silent_port():
    """A port on which nobody listens, until the caller does: no other program gets it meanwhile."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class Collector(Background):
    def __init__(self, folder, port=None):
        self.port = port or free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        super().__init__(folder, "collector", "--listen", "127.0.0.1:%d" % self.port, "--data", folder / "data")

    def __enter__(self):
        eventually(self.healthy, 10, lambda: "the collector answers: " + self.stderr)
        return self

    def healthy(self):
        assert self.process.poll() is None, self.stderr
        with contextlib.suppress(urllib.error.URLError):
            return self.get("/healthz").strip() == b"ok"

    def get(self, path, **query):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        with urllib.request.urlopen(url, timeout=MARGIN_SECONDS) as answer:
            return answer.read()

    def json(self, path, **query):
        return json.loads(self.get("/api/v1/" + path, **query))

    def series_of(self, target):
        """What is known of a target; None if nothing yet.

        Of a container's services it is the busiest: the others are Pythons that only made it.
        """
        found = [series for series in self.json("series") if series.get("container_id") == target.id]
        return max(found, key=lambda series: series["samples"], default=None)

    def top(self, series):
        """Self samples by function."""
        return Counter({f["name"]: f["self"] for f in self.json("top", series=series["id"], limit=1000)["functions"]})


def agent(folder, collector_url, *options, wrap=()):
    return Background(folder, "agent", "--collector", collector_url, *options, wrap=wrap)


def flatten(node, path=()):
    """(path of names, value) of a tree's every node, the root left out."""
    for child in node.get("children", []):
        below = path + (child["name"],)
        yield below, child["value"]
        yield from flatten(child, below)
