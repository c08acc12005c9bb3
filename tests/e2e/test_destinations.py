# SPDX-License-Identifier: Apache-2.0
"""Where the agent's profiles go: several collectors, their credentials, OpenTelemetry's variables."""

import base64
import signal

import pytest

import push
from collector import Collector, free_port
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import Background, eventually, podflame
from receiver import Receiver

OPTIONS = ("--window", "1s", "--rate", 100)
SECONDS = 15


def agent(tmp_path, *options, **more):
    return Background(tmp_path / "agent", "agent", *OPTIONS, *options, **more)


def authorizations(receiver):
    return {headers.get("Authorization") for _, headers, _ in receiver.requests}


def test_two_at_once_and_one_is_down(start, tmp_path):
    """Each has its protocol, credentials and labels; the one that is away does not hold up the other."""
    start(BOOKWORM, "split.py")
    token, basic = tmp_path / "token", tmp_path / "basic"
    token.write_text("s3cret\n")
    basic.write_text("user:pass word\n")
    away = "http://127.0.0.1:%d" % free_port()
    with Receiver() as otlp, Receiver() as pyroscope, agent(
            tmp_path, "--header", "X-All: 1", "--collector", away, "--collector", otlp.url, "--token-file", token,
            "--collector", pyroscope.url, "--protocol", "pyroscope", "--basic-auth-file", basic, "--header", "X-Org: a",
            "--label", "deployment.environment=test") as pusher:
        eventually(lambda: len(otlp.requests) >= 3 and len(pyroscope.requests) >= 3, SECONDS, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
    assert "collector %s does not take profiles" % away in pusher.stderr
    assert {path for path, _, _ in otlp.requests} == {"/v1development/profiles"}
    assert {path for path, _, _ in pyroscope.requests} == {"/push.v1.PusherService/Push"}
    assert authorizations(otlp) == {"Bearer s3cret"}
    assert authorizations(pyroscope) == {"Basic " + base64.b64encode(b"user:pass word").decode()}
    assert {h["X-All"] for _, h, _ in otlp.requests + pyroscope.requests} == {"1"}
    assert {h["X-Org"] for _, h, _ in otlp.requests} == {None} != {h["X-Org"] for _, h, _ in pyroscope.requests}
    assert all(r["deployment.environment"] == "test" for r in otlp.resources()) and otlp.resources()
    assert push.series_of(pyroscope.requests[0][2])[0].labels["deployment_environment"] == "test"
    assert "s3cret" not in pusher.stderr and "pass word" not in pusher.stderr


def test_a_secret_that_is_replaced(start, tmp_path):
    """A collector that refused the old one gets what waited as soon as a hang-up tells of the new one."""
    start(BARE_BOOKWORM, "split.py")
    token = tmp_path / "token"
    token.write_text("old")
    with Receiver(status=401) as receiver, agent(tmp_path, "--collector", receiver.url, "--token-file", token) as pusher:
        eventually(lambda: receiver.requests, SECONDS, lambda: pusher.stderr)
        token.unlink()
        pusher.process.send_signal(signal.SIGHUP)
        eventually(lambda: "--token-file: %s: No such file" % token in pusher.stderr, SECONDS, lambda: pusher.stderr)
        receiver.status = 200
        token.write_text("fresh")
        pusher.process.send_signal(signal.SIGHUP)
        # A gate that 401 has closed opens by itself only after a minute.
        eventually(lambda: "Bearer fresh" in authorizations(receiver), SECONDS, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
    assert authorizations(receiver) == {"Bearer old", "Bearer fresh"}


def test_opentelemetry_variables(start, tmp_path, monkeypatch):
    """They fill in what is not said by options; those for profiles win over those for all signals."""
    start(BARE_BOOKWORM, "split.py")
    with Receiver() as general, Receiver() as special, Receiver() as said:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", general.url + "/base")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k%20ey,x-b=2")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        with agent(tmp_path) as pusher:
            eventually(lambda: general.requests, SECONDS, lambda: pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        path, headers, _ = general.requests[0]
        assert path == "/base/v1development/profiles"
        assert (headers["api-key"], headers["x-b"], headers["Content-Encoding"]) == ("k ey", "2", None)

        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT", special.url + "/whole?x=1")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROFILES_HEADERS", "api-key=other")
        with agent(tmp_path) as pusher:
            eventually(lambda: special.requests, SECONDS, lambda: pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        path, headers, _ = special.requests[0]
        assert (path, headers["api-key"], headers["x-b"]) == ("/whole?x=1", "other", None)

        with agent(tmp_path, "--collector", said.url, "--header", "api-key: mine") as pusher:
            eventually(lambda: said.requests, SECONDS, lambda: pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        path, headers, _ = said.requests[0]
        assert (path, headers.get_all("api-key")) == ("/v1development/profiles", ["mine"])


def test_claims_are_never_anothers_identity(start, tmp_path):
    """A process may name its service, and nothing of where it runs; labels of whoever runs the agent win."""
    claims = "k8s.pod.name=bank,container.id=%s,service.name=forged%%0A,team=a%%1b[31m,deployment.environment=prod" % \
             ("0" * 64)
    liar = start(BOOKWORM, "split.py", environment={"OTEL_RESOURCE_ATTRIBUTES": claims})
    huge = start(BOOKWORM, "split.py", environment={"OTEL_SERVICE_NAME": "é" * 32768})
    with Receiver() as receiver, agent(tmp_path, "--collector", receiver.url, "--label",
                                       "deployment.environment=test") as pusher:
        def by_id(target):
            return next((r for r in receiver.resources() if r.get("container.id") == target.id), None)
        eventually(lambda: by_id(liar) and by_id(huge), SECONDS, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
    told = by_id(liar)
    assert (told["container.name"], told["service.name"], told["team"]) == (liar.name, "forged?", "a?[31m")
    assert told["deployment.environment"] == "test" and "k8s.pod.name" not in told
    assert by_id(huge)["service.name"] == "é" * 127
    assert not any(r.get("container.id") == "0" * 64 for r in receiver.resources())


def test_services_of_one_container_are_told_apart(start, docker, tmp_path):
    target = start(BOOKWORM, "split.py", environment={"OTEL_SERVICE_NAME": "first"})
    docker.call("exec", "--detach", "--env", "OTEL_SERVICE_NAME=second", target.id, "python3", "split.py")
    docker.call("exec", "--detach", "--env", "OTEL_SERVICE_NAME=second", target.id, "python3", "split.py")
    with Receiver() as receiver, Collector(tmp_path / "collector") as collector, \
            agent(tmp_path, "--collector", receiver.url, "--collector", collector.url) as pusher:
        def services(told):
            return sorted({r["service.name"] for r in told if r.get("container.id") == target.id})
        eventually(lambda: services(receiver.resources()) == ["first", "second"], SECONDS, lambda: pusher.stderr)
        eventually(lambda: sorted(s["service"] for s in collector.json("series") if s.get("container_id") == target.id)
                   == ["first", "second"], SECONDS, "the collector's series")
        assert pusher.interrupt() == 0, pusher.stderr


@pytest.mark.parametrize("options, status, words", [
    (["--collector", "localhost:4318"], 2, ["--collector", "localhost:4318", "http://"]),
    (["--collector", "http://user:hush@127.0.0.1/"], 2, ["--collector", "password"]),
    (["--collector", "http://127.0.0.1:1", "--protocol", "carrier-pigeon"], 2, ["carrier-pigeon", "pyroscope", "parca"]),
    (["--token-file", "/no/such/token"], 1, ["/no/such/token", "No such file"]),
    (["--basic-auth-file", "NOPASSWORD"], 1, ["USER:PASSWORD"]),
    (["--ca-file", "/no/such/ca"], 1, ["/no/such/ca"]),
    (["--header", "Content-Length: 3"], 2, ["podflame's own"]),
    (["--header", "nonsense"], 2, ["KEY: VALUE"]),
    (["--proxy", "http://[::"], 2, ["proxy"]),
    (["--label", "novalue"], 2, ["--label", "KEY=VALUE"]),
    (["--label", "service.name=x"], 2, ["service.name", "podflame itself"]),
    (["--label", "a b=x"], 2, ["a b=x", "letters"]),
    (["--label", "a=x\x1by"], 2, ["control character"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_what_cannot_work_is_refused_at_the_start(options, status, words, tmp_path):
    (tmp_path / "basic").write_text("nobody")
    done = podflame("agent", *[str(tmp_path / "basic") if option == "NOPASSWORD" else option for option in options])
    assert done.returncode == status, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "hush" not in done.stderr
