# SPDX-License-Identifier: Apache-2.0
"""What others' own code makes of what the agent sends: the OpenTelemetry Collector's, Pyroscope's, Parca's.

`make test-collectors` builds them; see tests/testbed/tools.py.
"""

import contextlib
import json
import pathlib
import subprocess
import urllib.request
from collections import Counter

import pytest

import otlp
import parca
import pyroscope
import truth
from collector import Collector, agent, free_port
from faults import OK, PATH, Server, script
from interpreters import BARE_BOOKWORM
from program import eventually
from skips import must_skip
from testbed import tools

RATE = 500
OPTIONS = ("--window", "1s", "--rate", RATE)
SECONDS = 30
SHARES = {"hot": 0.7, "warm": 0.2, "cold": 0.1}

# Straight on; and by gRPC first, as to a backend that takes nothing else.
WAYS = {"http": "  pipelines: {profiles: {receivers: [otlp], exporters: [otlp_http]}}",
        "grpc": """
  pipelines:
    profiles: {receivers: [otlp], exporters: [otlp_grpc]}
    profiles/2: {receivers: [otlp/2], exporters: [otlp_http]}"""}
WAY_BY_GRPC = "  pipelines: {profiles: {receivers: [otlp], exporters: [otlp_grpc]}}"
CONFIG = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%(port)d"}}}
  otlp/2: {protocols: {grpc: {endpoint: "127.0.0.1:%(grpc)d"}}}
exporters:
  otlp_grpc: {endpoint: "127.0.0.1:%(grpc)d", tls: {insecure: true}, sending_queue: {enabled: false}}
  otlp_http: {endpoint: "%(url)s", encoding: json, compression: none, sending_queue: {enabled: false}}
service:
  telemetry: {metrics: {level: none}}
%(way)s
"""


@contextlib.contextmanager
def running(name, folder, ready, *arguments):
    """One of tools.PROGRAMS that runs until the context ends; gives the file of what it prints."""
    try:
        command = [str(tools.program(name)), *map(str, arguments)]
    except tools.NotBuilt as e:
        must_skip(str(e), debian=False)
    out, err = folder / (name + ".out"), folder / (name + ".err")
    with open(out, "wb") as output, open(err, "wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
    try:
        eventually(lambda: ready in err.read_text(), SECONDS, lambda: "%s is ready: %s" % (name, err.read_text()))
        yield out
        assert process.poll() is None, err.read_text()
    finally:
        process.terminate()
        process.wait(SECONDS)


def only(target):
    return *OPTIONS, "--select", "container=" + target.id


def send_to_ours(target, folder, message):
    """What it passes on, our own collector takes for the same container's."""
    with Collector(folder / "collector") as collector:
        request = urllib.request.Request(collector.url + PATH, json.dumps(message).encode(),
                                         {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()
        series = collector.series_of(target)
        assert series["service"] == "split.py" and collector.top(series)["hot"] > 0


def messages(path):
    """Those that are there; the last row may not be whole yet."""
    return [json.loads(row) for row in path.read_text().splitlines(True) if row.endswith("\n")]


@pytest.mark.parametrize("way", WAYS)
def test_the_opentelemetry_collector_passes_on_what_it_was_sent(start, tmp_path, way):
    """Everything, by its meaning: functions, lines, values, times, attributes of profiles and of resources."""
    target = start(BARE_BOOKWORM, "split.py")
    port, config = free_port(), tmp_path / "config.yaml"
    with Server(script(OK)) as server, Server(script(OK)) as behind:
        config.write_text(CONFIG % {"port": port, "grpc": free_port(), "url": behind.url, "way": WAYS[way]})
        with running("otelcol", tmp_path, "Everything is ready", "--config", config,
                     "--feature-gates=service.profilesSupport"), \
                agent(tmp_path / "agent", "http://127.0.0.1:%d" % port, "--collector", server.url, *only(target)) as pusher:
            eventually(lambda: len(server.requests) >= 3, SECONDS, lambda: "three windows are sent: " + pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        sent = [profile for request in server.requests for profile in otlp.profiles(request.json)]
        passed = [request.json for request in behind.requests]
    got = [profile for message in passed for profile in otlp.profiles(message)]
    assert "does not take profiles" not in pusher.stderr
    assert sorted(got) == sorted(sent)
    assert {dict(profile.attributes)["container.id"] for profile in got} == {target.id}
    send_to_ours(target, tmp_path, passed[0])
    leaves = Counter()
    for profile in got:
        for stack, _, values in profile.samples:
            leaves[stack[0][0]] += sum(values)
    truth.assert_shares(leaves, SHARES)


def test_pyroscope_understands_what_it_is_pushed(start, tmp_path):
    target = start(BARE_BOOKWORM, "split.py")
    port = free_port()
    with running("pyroscope", tmp_path, "ready", "127.0.0.1:%d" % port) as printed, \
            agent(tmp_path / "agent", "http://127.0.0.1:%d" % port, "--protocol", "pyroscope", *only(target)) as pusher:
        eventually(lambda: len(messages(printed)) >= 3, SECONDS, lambda: "three windows came: " + pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
        assert "does not take profiles" not in pusher.stderr and "refused" not in pusher.stderr
        leaves = Counter()
        for one in messages(printed):
            assert one["labels"]["__name__"] == "process_cpu" and one["labels"]["service_name"] == "split.py"
            assert one["types"] == ["cpu/nanoseconds"]
            for sample in one["samples"]:
                leaves[sample["stack"][0]["function"]] += round(sample["values"][0] * RATE / 1e9)
                assert all(frame["line"] > 0 for frame in sample["stack"] if frame["file"]), sample
        truth.assert_shares(leaves, SHARES)


def cpu_seconds(pid):
    """What the process and its threads have used of CPUs, by the scheduler's own books."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path("/proc/%d/task" % pid).glob("*/schedstat")) / 1e9


def assert_all_is_there(pusher, target, ask):
    """
    @ask tells what the server has for each function of the target, which runs all the time: after 5 s of it that are
    all the seconds of CPU time that the target has used, in the shares that it is known by.
    """
    outer = cpu_seconds(target.pid)
    with pusher:
        eventually(lambda: "every 1 s" in pusher.stderr, SECONDS, lambda: "it runs: " + pusher.stderr)
        inner = cpu_seconds(target.pid)
        eventually(lambda: sum(ask().values()) > 5e9, 4 * SECONDS, lambda: "it has 5 s: " + pusher.stderr)
        inner = cpu_seconds(target.pid) - inner
        assert pusher.interrupt() == 0, pusher.stderr
        outer = cpu_seconds(target.pid) - outer
    assert "does not take profiles" not in pusher.stderr and "refused" not in pusher.stderr
    leaves = ask()
    total = sum(leaves.values())
    assert 0.9 * inner - 0.1 <= total / 1e9 <= 1.05 * outer + 0.1, "it had %.2f to %.2f s" % (inner, outer)
    truth.assert_shares({name: round(value * RATE / 1e9) for name, value in leaves.items()}, SHARES)


def push(folder, target, server, protocol, *options):
    return agent(folder, server.url, "--protocol", protocol, *only(target), *options)


def test_the_pyroscope_server_answers_with_what_it_was_pushed(start, tmp_path):
    """Its API tells the shares of a known program, the seconds of CPU time that it used, and whose they are."""
    target = start(BARE_BOOKWORM, "split.py")
    labels = {"service_name": "split.py"}
    with pyroscope.server(tmp_path / "server") as server:
        assert_all_is_there(push(tmp_path / "agent", target, server, "pyroscope"), target,
                            lambda: server.render(**labels)[1])
        total, leaves = server.render(**labels)
        assert sum(leaves.values()) == total, "the tree is whole"
        assert server.render(service_name="another")[0] == 0
        assert pyroscope.CPU in server.types()


def test_parca_answers_with_what_it_was_pushed(start, tmp_path):
    """The same of Parca's own server, by its gateway."""
    target = start(BARE_BOOKWORM, "split.py")
    port = free_port()
    with running("parca", tmp_path, "starting server", *parca.arguments(tmp_path, port)):
        server = parca.Parca(port)
        assert_all_is_there(push(tmp_path / "agent", target, server, "parca"), target,
                            lambda: server.leaves(service_name="split.py"))
        assert server.types() == {parca.CPU}
        assert server.values("service_name") == {"split.py"}
        assert server.labels() == {"node", "service_name"}, "none that changes with each start"
        assert not server.leaves(service_name="another")
        with push(tmp_path / "both", target, server, "parca", "--mode", "cpu,wall") as pusher:
            eventually(lambda: parca.WALL in server.types(), SECONDS, lambda: "wall is there: " + pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        assert server.types() == {parca.CPU, parca.WALL}


def test_parca_refuses_what_the_opentelemetry_collector_passes_on(start, tmp_path):
    """Which deploy/README.md says: the Collector writes keys of attributes in a way that is newer than this Parca."""
    target = start(BARE_BOOKWORM, "split.py")
    port, grpc, config = free_port(), free_port(), tmp_path / "config.yaml"
    config.write_text(CONFIG % {"port": port, "grpc": grpc, "url": "http://127.0.0.1:1", "way": WAY_BY_GRPC})
    with running("parca", tmp_path, "starting server", *parca.arguments(tmp_path, grpc)), \
            running("otelcol", tmp_path, "Everything is ready", "--config", config,
                    "--feature-gates=service.profilesSupport"), \
            agent(tmp_path / "agent", "http://127.0.0.1:%d" % port, *only(target)) as pusher:
        eventually(lambda: "attribute key at index 0 in resource attributes is empty" in pusher.stderr, SECONDS,
                   lambda: "it is refused: " + pusher.stderr)
        assert not parca.Parca(grpc).types()
