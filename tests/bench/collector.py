#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long the collector takes to answer: `make bench-collector`, or collector.py [--hours 24] [--containers 100] [--asked 7].

Its store gets a day of windows of 10 s of each container. Some minutes come by the real API; SQLite repeats those for the
rest of the day, since a day by the API takes hours. The collector sums it up by itself. Then each question is asked as the
page asks it, with gzip, one after the other.
"""

import argparse
import gzip
import json
import pathlib
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.parse
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/e2e")]

from collector import Collector  # noqa: E402

WINDOW_S = 10
REAL_S = 600  # what comes by the API
SERVICES = 10
STACKS = 2000  # of a service
WANTED_MS = 300


class Service:
    """Stacks as a service's: a common trunk, branches, and some that are much more frequent than others."""

    def __init__(self, number, chance):
        self.name = "service-%d" % number
        trunk = list(range(6))
        self.functions = ["%s_%d_%d" % (("get", "put", "make", "load", "check")[i % 5], number, i) for i in range(400)]
        self.files = ["/usr/lib/python3/dist-packages/%s/module_%d.py" % (self.name, i // 20) for i in range(400)]
        self.stacks = [trunk[:chance.randint(3, 6)] + [chance.randrange(400) for _ in range(chance.randint(5, 25))]
                       for _ in range(STACKS)]
        self.weights = [1 / (i + 1) for i in range(STACKS)]


def text(value):
    return {"stringValue": value}


def profile(service, container, start_ns, chance):
    """A container's window as an OTLP export, with some dozen stacks."""
    picked = chance.choices(range(STACKS), service.weights, k=chance.randint(40, 120))
    counts = {stack: picked.count(stack) for stack in picked}
    strings, functions, locations, stacks, samples = [""], [{}], [{}], [{}], []
    known = {}

    def intern(string):
        if string not in known:
            known[string] = len(strings)
            strings.append(string)
        return known[string]

    known_functions = {}
    for stack, count in counts.items():
        indices = []
        for function in reversed(service.stacks[stack]):
            if function not in known_functions:
                known_functions[function] = len(functions)
                functions.append({"nameStrindex": intern(service.functions[function]),
                                  "filenameStrindex": intern(service.files[function]), "startLine": str(10 * function)})
                locations.append({"lines": [{"functionIndex": len(functions) - 1, "line": str(10 * function + 3)}]})
            indices.append(known_functions[function])
        stacks.append({"locationIndices": indices})
        samples.append({"stackIndex": len(stacks) - 1, "values": [str(count)]})
    total = sum(counts.values())
    attributes = [{}]
    for key, value in (("podflame.mode", text("cpu")), ("podflame.accounted_ns", {"intValue": str(total * 10101010)}),
                       ("podflame.sampled_ns", {"intValue": str(total * 10101010)})):
        attributes.append({"keyStrindex": intern(key), "value": value})
    resource = {"service.name": service.name, "container.id": "%064x" % container,
                "container.name": "%s-%d" % (service.name, container), "container.image.name": "shop/%s:3" % service.name,
                "k8s.namespace.name": "shop", "k8s.pod.name": "%s-%d" % (service.name, container),
                "k8s.container.name": "app", "k8s.deployment.name": service.name, "k8s.node.name": "node-%d" % (container % 5),
                "process.executable.name": "python3.11", "process.runtime.version": "3.11.2"}
    return {"resourceProfiles": [{
        "resource": {"attributes": [{"key": key, "value": text(value)} for key, value in resource.items()]},
        "scopeProfiles": [{"profiles": [{
            "sampleType": {"typeStrindex": intern("samples"), "unitStrindex": intern("count")},
            "periodType": {"typeStrindex": intern("cpu"), "unitStrindex": intern("nanoseconds")}, "period": "10101010",
            "timeUnixNano": str(start_ns), "durationNano": str(WINDOW_S * 10**9),
            "attributeIndices": list(range(1, len(attributes))), "samples": samples}]}]}],
        "dictionary": {"mappingTable": [{}], "linkTable": [{}], "attributeTable": attributes, "functionTable": functions,
                       "locationTable": locations, "stackTable": stacks, "stringTable": strings}}


def post(collector, body):
    request = urllib.request.Request(collector.url + "/v1development/profiles", gzip.compress(json.dumps(body).encode(), 1),
                                     {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.read() == b"{}"


def fill_by_api(collector, containers, end_s, chance):
    services = [Service(i, chance) for i in range(SERVICES)]
    for start in range(end_s - REAL_S, end_s, WINDOW_S):
        for container in range(containers):
            start_ns = start * 10**9 + chance.randrange(WINDOW_S * 10**9)
            post(collector, profile(services[container % SERVICES], container, start_ns, chance))


def repeat_by_sql(path, hours):
    """Copies the last REAL_S into all the time before, each copy with the containers' parts exchanged."""
    with sqlite3.connect(path) as db:
        for table in ("sum_samples", "sum", "stretch"):
            db.execute("DELETE FROM " + table)
        copies = hours * 3600 // REAL_S
        for i in range(1, copies):
            shift, first = i * REAL_S * 10**9, db.execute("SELECT max(id) FROM slice").fetchone()[0]
            where = "start >= (SELECT max(start) FROM slice) - %d" % (REAL_S * 10**9)
            db.execute("INSERT INTO slice (id, series, mode, start, duration, count, running, samples) SELECT id + ?, series,"
                       " mode, start - ?, duration, count, running, samples FROM slice WHERE " + where, (first, shift))
            db.execute("INSERT INTO books SELECT slice + ?, series, mode, start - ?, period, accounted, sampled, native,"
                       " left_out, unopened, torn, late, gone, failed FROM books WHERE " + where, (first, shift))
        db.execute("UPDATE stack SET seen = seen - ? * 3600000000000", (hours,))
        db.execute("UPDATE function SET seen = seen - ? * 3600000000000", (hours,))
        return db.execute("SELECT count(*) FROM slice").fetchone()[0]


def await_sums(path, hours):
    begin = time.monotonic()
    while True:
        with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as db:
            done = db.execute("SELECT count(*) FROM stretch WHERE span = 21600000000000").fetchone()[0]
        if done >= hours // 6 - 1:
            return time.monotonic() - begin
        time.sleep(1)


def ask(collector, path, query):
    """Milliseconds until the whole answer is there, and its bytes as they come."""
    request = urllib.request.Request(collector.url + "/api/v1/" + path + "?" + urllib.parse.urlencode(query),
                                     headers={"Accept-Encoding": "gzip"})
    begin = time.monotonic()
    with urllib.request.urlopen(request, timeout=120) as answer:
        size = len(answer.read())
    return 1000 * (time.monotonic() - begin), size


def questions(end_s, hours):
    day = {"from": end_s - hours * 3600, "to": end_s}
    hot = {"name": "put_0_1"}
    yield from ((name, path, dict(day, **query)) for name, path, query in (
        ("series", "series", {}), ("groups by container", "groups", {"by": "container"}),
        ("groups by service", "groups", {"by": "service"}), ("timeline by service", "timeline", {"by": "service"}),
        ("timeline by container", "timeline", {"by": "container", "limit": 12}), ("tree of all", "tree", {}),
        ("tree of a service", "tree", {"label.service": "service-1"}), ("tree of a container", "tree", {"series": 7}),
        ("top of all", "top", {}), ("top of a service", "top", {"label.service": "service-1"}),
        ("function", "function", hot), ("export pprof", "export", {"format": "pprof", "label.service": "service-1"})))
    half = {"from": end_s - hours * 1800, "to": end_s, "base.from": end_s - hours * 3600, "base.to": end_s - hours * 1800}
    yield "compare halves, all", "compare", half
    yield "compare halves, a service", "compare", dict(half, **{"label.service": "service-1"})
    quarter = {"from": end_s - 900, "to": end_s}
    yield "15 min: timeline by service", "timeline", dict(quarter, by="service")
    yield "15 min: tree of all", "tree", quarter


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--asked", type=int, default=7, help="how often each question is asked")
    parser.add_argument("--data", type=pathlib.Path, help="a folder that is kept, and used again if it is filled")
    options = parser.parse_args()
    chance = random.Random(18)
    with tempfile.TemporaryDirectory() as folder:
        folder = options.data or pathlib.Path(folder)
        path, note = folder / "data/podflame.db", folder / "end"
        folder.mkdir(exist_ok=True)
        if not note.exists():
            end_s = int(time.time()) // 10 * 10 - 120
            begin = time.monotonic()
            with Collector(folder) as collector:
                fill_by_api(collector, options.containers, end_s, chance)
            slices = repeat_by_sql(path, options.hours)
            note.write_text(str(end_s))
            print("filled in %.0f s: %d slices, %.0f MB" % (time.monotonic() - begin, slices, path.stat().st_size / 1e6))
        end_s = int(note.read_text())
        with Collector(folder) as collector:
            print("summed up in %.0f s; %.0f MB" % (await_sums(path, options.hours), path.stat().st_size / 1e6))
            print("\n| question | median, ms | longest, ms | KB |\n|---|--:|--:|--:|")
            slow = 0
            for name, path, query in questions(end_s, options.hours):
                times, size = [], 0
                for _ in range(options.asked):
                    took, size = ask(collector, path, query)
                    times.append(took)
                slow += statistics.median(times) > WANTED_MS
                print("| %s | %.0f | %.0f | %.0f |" % (name, statistics.median(times), max(times), size / 1024), flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
