# SPDX-License-Identifier: Apache-2.0
"""Grafana's own Pyroscope server, a single process on loopback, and questions to it."""

import contextlib
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

from collector import free_port
from program import MARGIN_SECONDS, eventually
from skips import must_skip
from testbed import tools

READY_SECONDS = 90  # 15 s on a quiet machine: each ring waits until it is stable
CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
RINGS = ("ring", "distributor.ring", "compactor.ring", "store-gateway.sharding-ring", "query-scheduler.ring",
         "overrides-exporter.ring")
ADDRESSES = ("distributor.ring.instance-addr", "compactor.ring.instance-addr", "query-scheduler.ring.instance-addr",
             "store-gateway.sharding-ring.instance-addr", "overrides-exporter.ring.instance-addr",
             "ingester.lifecycler.addr", "query-frontend.instance-addr")


def arguments(folder, port):
    """Everything on 127.0.0.1 and below @folder; the limits are Pyroscope's own defaults."""
    yield from ("-target=all", "-storage.backend=filesystem", "-usage-stats.enabled=false",
                "-self-profiling.disable-push=true", "-pyroscopedb.retention-policy-disable=true",
                "-server.http-listen-address=127.0.0.1", "-server.http-listen-port=%d" % port,
                "-server.grpc-listen-address=127.0.0.1", "-server.grpc-listen-port=%d" % free_port(),
                "-memberlist.bind-addr=127.0.0.1", "-memberlist.bind-port=%d" % free_port(),
                "-storage.filesystem.dir=%s" % (folder / "shared"), "-pyroscopedb.data-path=%s" % (folder / "data"),
                "-blocks-storage.bucket-store.sync-dir=%s" % (folder / "sync"),
                "-compactor.data-dir=%s" % (folder / "compactor"))
    yield from ("-%s.store=inmemory" % ring for ring in RINGS)
    yield from ("-%s=127.0.0.1" % address for address in ADDRESSES)


class Pyroscope:
    """@pid is the server's. Its ingester answers for what it was pushed at once, so questions need no waiting."""

    def __init__(self, port, process):
        self.url, self.pid = "http://127.0.0.1:%d" % port, process.pid

    def get(self, path, **query):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        return self.fetch(url)

    @staticmethod
    def fetch(url):
        with urllib.request.urlopen(url, timeout=MARGIN_SECONDS) as answer:
            return answer.read()

    def is_ready(self):
        with contextlib.suppress(urllib.error.URLError, OSError):
            return self.get("/ready").strip() == b"ready"

    def types(self):
        """The types of all profiles: NAME:TYPE:UNIT:PERIOD TYPE:PERIOD UNIT."""
        return json.loads(self.get("/pyroscope/label-values", label="__name__")) or []

    def render(self, kind=CPU, begin="now-1h", until="now", **labels):
        """(what all samples of that type have, what each function has itself)."""
        matchers = ",".join('%s="%s"' % item for item in labels.items())
        answer = json.loads(self.get("/pyroscope/render", query="%s{%s}" % (kind, matchers), until=until,
                                     format="json", **{"from": begin}))
        graph, leaves = answer["flamebearer"], Counter()
        for level in graph["levels"]:
            for own, name in zip(level[2::4], level[3::4]):
                leaves[graph["names"][name]] += own
        return graph["numTicks"], leaves

    def ask(self, method, **fields):
        """A method of its querier, as Connect in JSON."""
        request = urllib.request.Request(self.url + "/querier.v1.QuerierService/" + method, json.dumps(fields).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=MARGIN_SECONDS) as answer:
            return json.load(answer)

    def series(self, begin, end):
        """The labels of each series between two times in seconds."""
        answer = self.ask("Series", matchers=[], start=int(begin * 1000), end=int(end * 1000) + 1)
        return [{label["name"]: label["value"] for label in one["labels"]} for one in answer.get("labelsSet", [])]


@contextlib.contextmanager
def server(folder, *options):
    """A server until the context ends; @options come after those of arguments()."""
    try:
        command = [str(tools.program("pyroscope-server")), *arguments(folder, port := free_port()), *options]
    except tools.NotBuilt as e:
        must_skip(str(e), debian=False)
    folder.mkdir(exist_ok=True)
    log = folder / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        one = Pyroscope(port, process)
        eventually(lambda: process.poll() is not None or one.is_ready(), READY_SECONDS, lambda: log.read_text()[-3000:])
        assert process.poll() is None, log.read_text()[-3000:]
        yield one
        assert process.poll() is None, log.read_text()[-3000:]
    finally:
        process.terminate()
        try:
            process.wait(MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
