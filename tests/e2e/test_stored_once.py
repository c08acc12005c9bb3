# SPDX-License-Identifier: Apache-2.0
"""podflame agent against a Pyroscope that stores a part of what it is sent, or does not say that it has stored it.

Nothing is stored twice where that can be known. Elsewhere it is sent again under the same id, and counted.
"""

import contextlib
import os
import subprocess
import sys
import time

import pytest

from collector import agent, free_port, metric
from faults import OK, RESET, Server, refusal
from program import eventually
from push import Bucket, Store, limited, series_of

SERVICES = ["svc-%d" % i for i in range(6)]
SECONDS = 60
NAP = "import time\ndef nap():\n    while True:\n        time.sleep(0.01)\nnap()"


@contextlib.contextmanager
def services(folder):
    """Programs that sleep, so that each has a profile of a second in each window of mode wall."""
    with contextlib.ExitStack() as stack:
        for name in SERVICES:
            process = stack.enter_context(subprocess.Popen([sys.executable, "-S", "-c", NAP],
                                                           env={**os.environ, "OTEL_SERVICE_NAME": name}))
            stack.callback(process.kill)
        yield


def pushing(folder, server, port, *options):
    rules = [word for name in SERVICES for word in ("--select", "service=" + name)]
    return agent(folder, server.url, "--protocol", "pyroscope", "--window", "1s", "--mode", "wall", "--rate", 20,
                 "--listen", "127.0.0.1:%d" % port, *rules, *options)


def seen(server):
    """All profiles that were ever sent: seconds by id."""
    return {series.id: sum(sample.ns for sample in series.samples) / 1e9
            for request in list(server.requests) for series in series_of(request.plain)}


def everybody(seconds):
    return len(seconds) == len(SERVICES) and min(seconds.values()) > 3


@pytest.mark.parametrize("names", [True, False])
def test_a_rate_limit_that_some_series_pass(tmp_path, names):
    """A bucket that never holds what all services push at once: each is stored, and what is known to be, once."""
    store, port, state = Store(), free_port(), {}

    def policy(request, n):
        if "policy" not in state:
            size = max(series.size for series in series_of(request.plain))
            state["bucket"] = Bucket(rate=10 * size, burst=2.5 * size)
            state["policy"] = limited(store, state["bucket"], names)
        return state["policy"](request, n)

    with services(tmp_path), Server(policy) as server, pushing(tmp_path / "agent", server, port) as pusher:
        eventually(lambda: everybody(store.seconds), SECONDS, lambda: "%r %s" % (store.seconds, pusher.stderr))
        assert any(request.answer is not OK and request.answer.status != 200 for request in server.requests), "it had to wait"
        state["bucket"].burst = state["bucket"].rate = 1 << 30
        eventually(lambda: set(seen(server)) <= set(store.ids), SECONDS, lambda: "all of it is stored: " + pusher.stderr)
        unsure = metric(port, "podflame_unsure_total")
        assert pusher.interrupt() == 0, pusher.stderr
    assert "refused" not in pusher.stderr and "does not take" not in pusher.stderr
    assert set(store.ids) == set(seen(server))
    if names:
        assert unsure == 0 and set(store.ids.values()) == {1}, store.ids
        assert store.doubled == pytest.approx(0), store.ids
    else:
        # Only what was stored beside others of the same request can be doubled, and only once.
        assert unsure > 0 and max(store.ids.values()) <= 2
        assert sum(count - 1 for count in store.ids.values()) <= unsure * (len(SERVICES) - 1)
    assert min(store.seconds.values()) > 0.5 * max(store.seconds.values()), "nobody starves: %r" % store.seconds


@pytest.mark.parametrize("dedups", [True, False])
@pytest.mark.parametrize("failure", [refusal(503), RESET])
def test_stored_and_then_no_answer(tmp_path, failure, dedups):
    """It comes again under the same ids. A backend that knows them has it once; the agent counts how often it cannot know."""
    store, port, failed = Store(dedups), free_port(), set()

    def policy(request, n):
        for series in series_of(request.plain):
            store.take(series)
        if request.key in failed or len(failed) >= 3:
            return OK
        failed.add(request.key)
        return failure

    with services(tmp_path), Server(policy) as server, pushing(tmp_path / "agent", server, port) as pusher:
        eventually(lambda: everybody(store.seconds) and len(failed) == 3, SECONDS, lambda: "%r %s" % (
            store.seconds, pusher.stderr))
        eventually(lambda: {r.key for r in server.requests if r.answer is OK} >= failed, SECONDS, "they come again")
        time.sleep(0.5)
        unsure = metric(port, "podflame_unsure_total")
        assert pusher.interrupt() == 0, pusher.stderr
    requests = server.by_key()
    assert all(len({r.body for r in requests[key]}) == 1 for key in failed), "the same bytes, and so the same ids"
    assert unsure == 3, "each answer that tells nothing is counted"
    assert set(store.ids.values()) == {1, 2}
    assert store.doubled == pytest.approx(0) if dedups else store.doubled > 0
    if dedups:
        assert sum(store.seconds.values()) == pytest.approx(sum(seen(server).values())), "stored is what was taken"


def test_agents_do_not_push_at_the_same_moment(tmp_path):
    """Six that start together and have windows of 4 s."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(services(tmp_path))
        servers = [stack.enter_context(Server(lambda *_: OK)) for _ in range(6)]
        pushers = [stack.enter_context(agent(tmp_path / str(i), server.url, "--window", "4s", "--mode", "wall", "--rate", 5,
                                             "--select", "service=svc-0")) for i, server in enumerate(servers)]
        eventually(lambda: all(len(server.requests) >= 2 for server in servers), SECONDS, "each has sent two windows")
        for pusher in pushers:
            assert pusher.interrupt() == 0, pusher.stderr
    phases = sorted(server.requests[1].at % 4 for server in servers)
    gaps = [(b - a) % 4 for a, b in zip(phases, phases[1:] + phases[:1])]
    assert max(gaps) < 3.2, "six phases within a fifth of the window are no chance (1 in 500): %r" % phases
