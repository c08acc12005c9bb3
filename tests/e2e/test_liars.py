# SPDX-License-Identifier: Apache-2.0
"""A container whose process lies about all its names: no harm to terminals, to others' series, to the collector."""

from collector import Collector, agent
from faults import OK, Server, script
from interpreters import BARE_BOOKWORM
from program import eventually, podflame

OPTIONS = ("--window", "1s", "--rate", 200, "--threads")
OF_VICTIM = {"<module>", "main", "running", "hot", "warm", "cold", "shuffle", "_randbelow_with_getrandbits"}
TEXT_MAX = 4096 + len("…".encode())


def strings(value):
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    for item in value.items() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(list(item) if isinstance(item, tuple) else item)


def is_harmless(text):
    return len(text.encode()) <= TEXT_MAX and all(c.isprintable() or c in "\u00ad" for c in text)


def lies(start, victim):
    return start(BARE_BOOKWORM, "liar.py", 0, victim.id, victim.name)


def test_what_is_sent_is_harmless(start, tmp_path):
    victim = start(BARE_BOOKWORM, "split.py")
    liar = lies(start, victim)
    with Server(script(OK)) as server, agent(tmp_path / "agent", server.url, *OPTIONS) as pusher:
        def of(target):
            return [(request, r) for request in server.requests for r in request.resources
                    if r.get("container.id") == target.id]
        eventually(lambda: len(of(liar)) >= 2 and of(victim), 30, lambda: "both are known: " + pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
        told = pusher.stderr
    assert all(is_harmless(row) for row in told.split("\n")), [row for row in told.split("\n") if not is_harmless(row)]
    for request, resource in of(liar):
        assert [text for text in strings(request.json) if not is_harmless(text)] == []
        assert not {"container.name", "k8s.pod.name", "k8s.pod.uid"} & set(resource), resource
        assert resource.get("host.name") != victim.name and resource["color"].startswith("?[31m??evil;")
        assert len(resource["service.name"]) <= 256
    for _, resource in of(victim):
        assert not {"color", "big", "escaped"} & set(resource), resource


def test_victim_keeps_its_series(start, tmp_path):
    victim = start(BARE_BOOKWORM, "split.py")
    liar = lies(start, victim)
    with Collector(tmp_path / "collector") as collector, agent(tmp_path / "agent", collector.url, *OPTIONS) as pusher:
        both = [eventually(lambda: collector.series_of(t), 30, lambda: "both are known: " + pusher.stderr)
                for t in (victim, liar)]
        assert pusher.interrupt() == 0, pusher.stderr
        assert both[0]["id"] != both[1]["id"]
        top = collector.top(both[0])
        assert top["hot"] > 0 and {name.rpartition(".")[2] for name in top} <= OF_VICTIM
        assert not set(collector.top(both[1])) <= OF_VICTIM
        for path in ("series", "top"):
            shown = collector.json(path, **({"series": both[1]["id"]} if path == "top" else {}))
            assert [text for text in strings(shown) if not is_harmless(text)] == []


def test_commands_print_no_lies(start):
    victim = start(BARE_BOOKWORM, "split.py")
    liar = lies(start, victim)
    for command in (("ps",), ("dump", "-p", liar.pid), ("record", "-p", liar.pid, "-d", 1, "-f", "folded")):
        done = podflame(*command)
        assert done.returncode == 0, done.stderr
        for row in (done.stdout + done.stderr).split("\n"):
            assert all(c.isprintable() for c in row), repr(row[:300])
