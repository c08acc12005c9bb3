# SPDX-License-Identifier: Apache-2.0
"""What clients that mean harm can do to the agent's and the collector's server: not keep others waiting."""

import concurrent.futures
import re
import socket
import subprocess
import time

import pytest

from collector import Collector, agent, free_port
from clients import PROFILES, exchange, get, many_stacks, post, slow_clients, status, trickle_until_closed
from program import Background, eventually

SLOW_HEAD = "GET /healthz HTTP/1.1@Host: x@X: "
SLOW_BODY = "POST %s HTTP/1.1@Host: 127.0.0.1:%d@Content-Type: application/json@Content-Length: 100000@@"
ELSEWHERE = "127.0.0.2"  # another address of this machine
TRIES = 8


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as collector:
        yield collector


@pytest.fixture(params=["collector", "agent"])
def port(request, tmp_path):
    """Of a server that is well."""
    if request.param == "collector":
        with Collector(tmp_path / "collector") as collector:
            yield collector.port
        return
    port = free_port()
    with agent(tmp_path / "agent", "http://127.0.0.1:%d" % free_port(), "--listen", "127.0.0.1:%d" % port) as running:
        eventually(lambda: ready(port), 20, lambda: "the agent is ready: " + running.stderr)
        yield port


def ready(port):
    try:
        return get(port, "/healthz") == 200
    except OSError:
        return False


def test_slow_clients_keep_no_probe_away(port):
    """The prober has the attacker's own address; a kubelet gives it 5 s, here it has four times as many."""
    with slow_clients(port, 140, SLOW_HEAD):
        for _ in range(TRIES):
            assert get(port, "/healthz", timeout=20) == 200


def test_what_trickles_is_ended(port):
    """A head has 5 s, a body 30 s; a minute more is for a crowded machine."""
    beginnings = {5: b"GET /healthz HTTP/1.1\r\nX: ",
                  30: (SLOW_BODY % (PROFILES, port)).replace("@", "\r\n").encode()}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ended = {limit: pool.submit(trickle_until_closed, port, beginning) for limit, beginning in beginnings.items()}
        for limit, seconds in ended.items():
            assert seconds.result() < limit + 60


def test_probe_with_a_body_is_answered_without_it(port):
    head = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 1000\r\n\r\n" % port
    assert status(exchange(port, head)) == 200


def test_an_address_has_so_many_places_and_leaves_those_of_others(collector):
    body = many_stacks(3, 3, "a" * 64)
    with slow_clients(collector.port, 100, SLOW_BODY % (PROFILES, collector.port), ELSEWHERE):
        def refused():
            with socket.create_connection(("127.0.0.1", collector.port), source_address=(ELSEWHERE, 0)) as client:
                client.sendall((SLOW_BODY % (PROFILES, collector.port)).replace("@", "\r\n").encode())
                client.settimeout(2)
                try:
                    return status(client.recv(65536)) == 503
                except OSError:
                    return False
        eventually(refused, 20, "an address gets no more places than it may have")
        for _ in range(TRIES):
            assert post(collector.port, body, timeout=20) == 200
            assert get(collector.port, "/api/v1/series", timeout=20) == 200
            assert get(collector.port, "/healthz", address=ELSEWHERE, timeout=20) == 200


def test_slow_queries_keep_no_probe_and_no_agent_waiting(collector):
    """What many trees take is much; probes and profiles pass meanwhile by the dozen."""
    trees, small = 12, many_stacks(3, 3, "b" * 64)
    for i in range(2):
        assert post(collector.port, many_stacks(60000, 20, "%064d" % i)) == 200
    with concurrent.futures.ThreadPoolExecutor(trees) as pool:
        asked = [pool.submit(get, collector.port, "/api/v1/tree") for _ in range(trees)]
        probes = pushes = 0
        while not all(one.done() for one in asked):
            probes += get(collector.port, "/healthz") == 200
            pushes += post(collector.port, small) == 200
        assert all(one.result() in (200, 503) for one in asked)
    assert probes > 2 * trees and pushes > 2 * trees


# ---- bytes that no client should send ---------------------------------------------------------


def request(port, first, *lines, body=b""):
    head = "\r\n".join([first, "Host: 127.0.0.1:%d" % port, *lines, "", ""])
    return status(exchange(port, head.encode() + body))


def test_odd_bytes(port):
    assert request(port, "GET /%00 HTTP/1.1") == 400
    assert request(port, "GET /healthz%00 HTTP/1.1") == 400
    assert request(port, "GET /\0 HTTP/1.1") == 400
    assert request(port, "GET /healthz HTTP/1.1", "Host: 127.0.0.1:%d" % port) == 400
    assert request(port, "GET /healthz HTTP/1.1", "Content-Length: 1", "Content-Length: 2", body=b"12") == 400
    assert request(port, "GET /healthz HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked",
                   body=b"0\r\n\r\n") == 400
    assert request(port, "GET /healthz HTTP/1.1", "X: " + "a" * 20000) == 431
    assert request(port, "GET /healthz HTTP/1.1", "X: " + "a" * 8000) == 200
    assert request(port, "nonsense") == 400
    assert request(port, "GET /healthz HTTP/1.1") == 200


# ---- tokens -------------------------------------------------------------------------------------


def test_wrong_tokens_wait_and_are_told_once(tmp_path):
    """A right one does not wait for them."""
    port, token, wrong = free_port(), tmp_path / "token", 24
    token.write_text("sesame\n")
    with Background(tmp_path / "collector", "collector", "--listen", "127.0.0.1:%d" % port, "--token-file",
                    token) as running:
        eventually(lambda: ready(port), 20, lambda: running.stderr)

        def ask(word):
            begin = time.monotonic()
            return get(port, "/api/v1/series", "Authorization: Bearer " + word), time.monotonic() - begin
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(ask, "open") for _ in range(wrong)]
            assert ask("sesame")[0] == 200
            answers = [one.result() for one in asked]
        assert {status for status, _ in answers} == {401}
        assert min(seconds for _, seconds in answers) > 0.9
        assert get(port, "/api/v1/series") == 401
        assert running.stderr.count("wrong token") == 1 and "127.0.0.1" in running.stderr
        assert "open" not in running.stderr.replace("opened", "")


def test_who_can_be_asked_by_everybody_says_so(tmp_path):
    for address, says in (("0.0.0.0", True), ("127.0.0.1", False)):
        port = free_port()
        with agent(tmp_path / address, "http://127.0.0.1:%d" % free_port(), "--listen", "%s:%d" % (address, port)) as running:
            eventually(lambda: ready(port), 20, lambda: running.stderr)
            assert ("anybody on the network can read" in running.stderr) == says


# ---- descriptors --------------------------------------------------------------------------------


def metric(port, name):
    answer = exchange(port, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port).decode()
    return float(re.search(r"^%s (\S+)$" % name, answer, re.M)[1])


def test_without_descriptors_it_says_whom_it_misses(tmp_path):
    """And it answers still."""
    many, port = 60, free_port()
    sleepers = [subprocess.Popen(["/usr/bin/python3", "-c", "import time; time.sleep(600)"]) for _ in range(many)]
    try:
        with agent(tmp_path / "agent", "http://127.0.0.1:%d" % free_port(), "--listen", "127.0.0.1:%d" % port,
                   "--select", "cmdline=*time.sleep(600)*", wrap=["prlimit", "--nofile=64:64"]) as running:
            eventually(lambda: ready(port), 20, lambda: running.stderr)
            eventually(lambda: metric(port, "podflame_starved_processes") > many / 4, 30, lambda: running.stderr)
            assert re.search(r"\d+ Python processes are not sampled.*descriptors", running.stderr), running.stderr
            assert running.stderr.count("are not sampled") == 1
            for sleeper in sleepers:
                sleeper.kill()
                sleeper.wait()
            eventually(lambda: metric(port, "podflame_starved_processes") == 0, 30, lambda: running.stderr)
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
