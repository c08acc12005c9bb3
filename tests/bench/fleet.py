#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of agents, each of a node with 20 services, that push to Grafana's own Pyroscope: `make bench-fleet`, or

    fleet.py [--quick] [--agents N...]

A real agent samples 20 real services first, and what it pushes is written down. Then this program plays N agents: each
pushes, once in 10 s, at a time of its own, what was written down, with the labels and times of its own node. Prints tables,
and writes them to FLEET.md beside this file (not with --quick). A quarter of an hour, as root.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/oracle"), str(PROJECT / "tests/e2e")]

import pushes  # noqa: E402
import pyroscope  # noqa: E402
import report  # noqa: E402
from collector import agent  # noqa: E402
from fleet_report import text_of  # noqa: E402
from program import eventually  # noqa: E402
from receiver import Receiver  # noqa: E402

SERVICES, WINDOW, TOGETHER = 20, 10, 10
STAGES = [50, 200, 500, 1000]
SENDERS = 48
SERVICE = PROJECT / "tests/bench/targets/fleet_service.py"
# Far beyond what this machine takes: the machine is measured, not the limit.
UNLIMITED = ("-distributor.ingestion-rate-limit-mb=4096", "-distributor.ingestion-burst-size-mb=4096",
             "-ingester.max-global-series-per-tenant=0")
# Of the real agent, by name: options, seconds of its window, and how many whole windows are recorded at least. The first is
# the fleet's.
SETTINGS = {
    "mode cpu": (["--mode", "cpu"], WINDOW, 4),
    "mode cpu,wall": (["--mode", "cpu,wall"], WINDOW, 4),
    "mode cpu, --rate 20": (["--mode", "cpu", "--rate", 20], WINDOW, 4),
    "mode cpu, --window 60s": (["--mode", "cpu", "--window", "60s"], 60, 1),
}
TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print("fleet: " + text, file=sys.stderr, flush=True)


# ---- what a real agent pushes ---------------------------------------------------------------


@contextlib.contextmanager
def services(numbers):
    started = [subprocess.Popen(["/usr/bin/python3", SERVICE.name, str(i)], cwd=SERVICE.parent, stdin=subprocess.DEVNULL,
                                env={**os.environ, "OTEL_SERVICE_NAME": "service-%02d" % i}) for i in numbers]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def record(options, window, windows):
    """What an agent pushes of all services, at its defaults but for @options: a list of requests.

    The services take turns: together they would want more than this machine's CPUs.
    """
    found = []
    for first in range(0, SERVICES, TOGETHER):
        numbers = range(first, first + TOGETHER)
        with tempfile.TemporaryDirectory() as folder, Receiver() as receiver, services(numbers), \
                agent(pathlib.Path(folder) / "agent", receiver.url, "--protocol", "pyroscope", *options,
                      "--select", "cmdline=*%s*" % SERVICE.name) as pusher:
            def enough():
                return len({time_of(push) for push in taken(receiver)}) > windows
            eventually(enough, (windows + 3) * window + 60, lambda: "windows come: " + pusher.stderr)
            found += taken(receiver)
    return found


def taken(receiver):
    return [pushes.Push(headers, body) for path, headers, body in list(receiver.raw) if path.endswith("Push")]


def time_of(push):
    return dict((number, value) for number, _, value in pushes.fields(push.series[0][1]))[pushes.TIME_NANOS]


def whole_windows(recorded):
    """A node's pushes, one for each window: of each service its nth profile in the nth. First windows are not whole ones."""
    of_series = {}
    for push in recorded:
        for labels, profile, name in push.series:
            of_series.setdefault((labels["service_name"], labels["__name__"]), []).append((labels, profile, name))
    least = min(len(profiles) for profiles in of_series.values())
    say("%d series; each has at least %d profiles" % (len(of_series), least))
    return [[profiles[n] for profiles in of_series.values()] for n in range(1, max(2, least))]


# ---- a fleet --------------------------------------------------------------------------------


def body_of(template, series, node, at):
    """What the agent of @node pushes of the window that ends at @at. Only the time is packed anew, behind the rest."""
    begin = int((at - WINDOW) * 1e9)
    when = template.pack(pushes.time_field(begin))
    return template.encode([({**labels, "node": "node-%04d" % node}, packed + when, name and "%s-%04d-%d" % (name[:8], node, begin))
                            for labels, packed, name in series])


def packed(template, windows):
    return [[(labels, template.pack(pushes.without_time(profile)), name) for labels, profile, name in window] for window in windows]


def prepare(job):
    template, windows, node, dues = job
    return [(due, body_of(template, windows[(node + n) % len(windows)], node, due)) for n, due in enumerate(dues)]


def schedule(agents, windows, start):
    """When which node pushes: each at a moment of its own, once a window."""
    return [(node, [start + n * WINDOW + WINDOW * node / agents for n in range(windows)]) for node in range(agents)]


class Sender(threading.local):
    """A connection for each thread, as an agent keeps one."""

    connection = None

    def post(self, url, headers, body):
        where = urllib.parse.urlsplit(url)
        for attempt in range(2):
            if not self.connection:
                self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
            try:
                self.connection.request("POST", "/push.v1.PusherService/Push", body, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
        return 0, b"no answer"


def used(pid):
    """CPU seconds, and bytes of memory, of a process."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK, int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def play(server, template, windows, agents, rounds):
    """Plays @agents agents for @rounds windows. Returns what was sent, and what came of it."""
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        begun, ready = time.monotonic(), packed(template, windows)
        start = time.time() + 3 + agents * rounds * estimate(template, ready) / 2
        jobs = [(template, ready, node, dues) for node, dues in schedule(agents, rounds, start)]
        requests = sorted((item for one in pool.map(prepare, jobs, chunksize=5) for item in one), key=lambda item: item[0])
    say("%d agents: %d pushes made in %.0f s" % (agents, len(requests), time.monotonic() - begun))
    late = max(0, time.time() - start)
    sender, shift = Sender(), late

    def send(item):
        due, body = item
        begun = time.time()
        status, answer = sender.post(server.url, template.headers, body)
        return status, answer, len(body), begun - due - shift, time.time() - due - shift

    before, results = used(server.pid)[0], []
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        futures = []
        for item in requests:
            time.sleep(max(0, item[0] + shift - time.time()))
            futures.append(pool.submit(send, item))
        results = [future.result() for future in futures]
    took = max(time.time() - start - shift, rounds * WINDOW)
    cpu, memory = used(server.pid)
    return outcome(agents, windows, results, took, cpu - before, memory)


def estimate(template, windows):
    """Seconds to make a push."""
    begun = time.monotonic()
    for n in range(5):
        body_of(template, windows[0], n, time.time())
    return 2 * (time.monotonic() - begun) / 5


def outcome(agents, windows, results, took, cpu, memory):
    statuses = Counter(status for status, *_ in results)
    answers = Counter(re.sub(r"\d+", "N", answer.decode(errors="replace"))[:300] for status, answer, *_ in results if status != 200)
    taken = sum(size for status, _, size, *_ in results if status == 200)
    waits = sorted(wait for *_, wait in results)
    profiles = statistics.mean(map(len, windows))
    plain = statistics.mean(sum(len(profile) for _, profile, _ in window) for window in windows)
    done = statuses[200]
    return {"agents": agents, "pushes": len(results), "seconds": took, "statuses": dict(statuses), "answers": answers.most_common(3),
            "profiles_per_push": profiles, "wire_per_push": statistics.mean(size for _, _, size, *_ in results),
            "plain_per_push": plain, "taken": taken, "cpu": cpu, "cpu_per_push": cpu / len(results),
            "memory": memory, "median": statistics.median(waits), "p95": waits[int(len(waits) * 0.95)], "most": waits[-1],
            "stored_profiles": done * profiles, "load": os.getloadavg()[0]}


def keeps_up(result):
    """Whether all was stored, and soon: a fleet that waits longer than half a window for its answers piles up."""
    return set(result["statuses"]) == {200} and result["p95"] < WINDOW / 2


# ---- what is measured -------------------------------------------------------------------------


def metrics(server):
    rows = [row.rsplit(" ", 1) for row in server.get("/metrics").decode().splitlines() if not row.startswith("#")]
    return {name: float(value) for name, value in rows}


def series_in_memory(server):
    return sum(value for name, value in metrics(server).items() if name.partition("{")[0] == "pyroscope_tsdb_head_series")


def disk(folder):
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def measure_stages(template, windows, stages, rounds):
    """The stages up to the first that Pyroscope does not keep up with; and what it keeps on disk."""
    rows, stored = [], 0
    with tempfile.TemporaryDirectory(prefix="podflame-fleet-") as folder:
        folder = pathlib.Path(folder)
        with pyroscope.server(folder / "server", *UNLIMITED) as server:
            play(server, template, windows, 5, 1)  # it has warmed up
            for agents in stages:
                rows.append(play(server, template, windows, agents, rounds))
                rows[-1]["series"] = series_in_memory(server)
                stored += rows[-1]["stored_profiles"]
                say(json.dumps({key: value for key, value in rows[-1].items() if key != "answers"}))
                if not keeps_up(rows[-1]):
                    break
        kept = disk(folder / "server")  # ended, it has written what it had in memory
    return rows, kept / stored


def measure_limits(template, windows, agents, rounds):
    """What Pyroscope's own limits answer."""
    with tempfile.TemporaryDirectory(prefix="podflame-fleet-") as folder, \
            pyroscope.server(pathlib.Path(folder) / "server") as server:
        return play(server, template, windows, agents, rounds)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has started ends with it
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="shorter, and FLEET.md stays as it is")
    parser.add_argument("--agents", type=int, nargs="+", default=STAGES)
    arguments = parser.parse_args()
    rounds = 2 if arguments.quick else 3
    facts = {"machine": report.machine(), "services": SERVICES, "window": WINDOW, "settings": {},
             "keeps_up": keeps_up}
    for name, (options, window, n) in list(SETTINGS.items())[:1 if arguments.quick else None]:
        say("recording: " + name)
        recorded = record(options, window, n)
        facts["settings"][name] = (recorded[0], whole_windows(recorded), window)
    template, windows, _ = next(iter(facts["settings"].values()))
    facts["stages"], facts["disk"] = measure_stages(template, windows, arguments.agents, rounds)
    facts["limits"] = [measure_limits(template, windows, agents, rounds) for agents in (25, 400)]
    facts["load"] = os.getloadavg()[0]
    text = text_of(facts)
    print(text)
    if not arguments.quick:
        pathlib.Path(__file__).with_name("FLEET.md").write_text(text)


if __name__ == "__main__":
    main()
