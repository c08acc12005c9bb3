# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry's eBPF profiler beside podflame's agent: what it takes of the machine, and what it tells of Pythons."""

import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import threading

from collector import free_port
from program import MARGIN_SECONDS, eventually
from testbed import tools

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%d"}}}
exporters:
  otlp_http: {endpoint: "%s", encoding: json, compression: none, sending_queue: {enabled: false}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {profiles: {receivers: [otlp], exporters: [otlp_http]}}
"""
STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


class Sink(http.server.ThreadingHTTPServer):
    """Takes OTLP as JSON, and counts the samples: @all, and those whose stack has a function of @script."""

    daemon_threads = True

    def __init__(self, script):
        self.script, self.all, self.known = script, 0, 0
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = "http://127.0.0.1:%d" % self.server_address[1]

    def count(self, message):
        tables = message["dictionary"]
        names = tables["stringTable"]
        known = {i for i, function in enumerate(tables["functionTable"])
                 if names[function.get("filenameStrindex", 0)].endswith(self.script)}
        frames = {i for i, location in enumerate(tables["locationTable"])
                  if any(line.get("functionIndex") in known for line in location.get("lines", []))}
        for resource in message["resourceProfiles"]:
            for profile in (one for scope in resource["scopeProfiles"] for one in scope.get("profiles", [])):
                for sample in profile.get("samples", []):
                    n = len(sample.get("timestampsUnixNano", [])) or len(sample.get("values", [1]))
                    self.all += n
                    stack = tables["stackTable"][sample.get("stackIndex", 0)].get("locationIndices", [])
                    self.known += n * any(int(i) in frames for i in stack)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.count(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Profiler:
    """@pid is the profiler's. It knows PIDs of the first PID namespace only, so that has to be the bench's."""

    def __init__(self, process, sink):
        self.pid, self.sink = process.pid, sink

    def kernel_seconds(self):
        """What its BPF programs have taken: in the threads that they interrupt, whose time it counts as."""
        programs = {}
        for path in pathlib.Path("/proc/%d/fdinfo" % self.pid).iterdir():
            with contextlib.suppress(OSError):
                text = path.read_text()
                if "run_time_ns:" in text:
                    number, took = (int(re.search(r"%s:\s*(\d+)" % key, text)[1]) for key in ("prog_id", "run_time_ns"))
                    programs[number] = took
        return sum(programs.values()) / 1e9

    def descriptors(self):
        return len(list(pathlib.Path("/proc/%d/fd" % self.pid).iterdir()))


@contextlib.contextmanager
def running(folder, name, command, ready):
    log = folder / (name + ".log")
    with open(log, "wb") as output:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        eventually(lambda: ready in log.read_text(), MARGIN_SECONDS, lambda: "%s is ready: %s" % (name, log.read_text()[-2000:]))
        yield process
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def profiler(folder, rate, script):
    """It runs until the context ends, and sends to a Collector of OpenTelemetry that passes all on to a Sink for @script."""
    sink, port = Sink(script), free_port()
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    (folder / "collector.yaml").write_text(CONFIG % (port, sink.url))
    before = STATISTICS.read_text()
    STATISTICS.write_text("1")
    try:
        with running(folder, "otelcol", [tools.build("otelcol"), "--config", folder / "collector.yaml",
                                         "--feature-gates=service.profilesSupport"], "Everything is ready"), \
                running(folder, "ebpf-profiler", [tools.build("ebpf-profiler"), "-collection-agent", "127.0.0.1:%d" % port,
                                                  "-disable-tls", "-samples-per-second", rate], "Attached sched monitor") as process:
            yield Profiler(process, sink)
    finally:
        STATISTICS.write_text(before)
        sink.shutdown()
        sink.server_close()
