# SPDX-License-Identifier: Apache-2.0
"""A collector on loopback that misbehaves as it is told, and remembers what it was sent."""

import contextlib
import email.utils
import gzip
import http.server
import json
import socket
import struct
import threading
import time
from typing import NamedTuple

import otlp

PATH = "/v1development/profiles"


class Answer(NamedTuple):
    """What a request gets. @act: "answer", "reset" the connection, "hold" it without a word,
    "truncate" the body, "cut" within the status line."""
    status: int = 200
    headers: tuple = ()
    body: bytes = b"{}"
    act: str = "answer"


OK = Answer()
# libcurl itself tries once more what breaks off on a connection that was kept.
CLOSING = Answer(headers=(("Connection", "close"),))
PARTIAL = Answer(body=b'{"partialSuccess":{"rejectedProfiles":"1","errorMessage":"one is \\u001b[31mbad"}}')
TRUNCATED = Answer(act="truncate")
RESET, HOLD, CUT = Answer(act="reset"), Answer(act="hold"), Answer(act="cut")


def refusal(status, *headers):
    return Answer(status, headers, b"no: \x1b[2J" + str(status).encode())


def busy_for(seconds):
    return refusal(429, ("Retry-After", str(seconds)))


def busy_until(seconds):
    """The other form, made when it is sent; it has whole seconds, rounded up here."""
    return refusal(429, ("Retry-After", lambda: email.utils.formatdate(time.time() + seconds + 1, usegmt=True)))


class Request(NamedTuple):
    at: float  # monotonic
    path: str
    headers: dict
    body: bytes
    answer: Answer

    @property
    def key(self):
        return self.headers["Idempotency-Key"]

    @property
    def plain(self):
        return gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body

    @property
    def json(self):
        return json.loads(self.plain)

    @property
    def resources(self):
        """{attribute: value} of each profile."""
        return otlp.resources(self.json)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.owner.note(self.path, dict(self.headers), body)
        getattr(self, "act_" + answer.act)(answer)

    def act_answer(self, answer, missing=0):
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value() if callable(value) else value)
        self.send_header("Content-Length", str(len(answer.body) + missing))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        self.close_connection = missing > 0

    def act_truncate(self, answer):
        self.act_answer(answer, missing=100)

    def act_cut(self, answer):
        self.wfile.write(b"HTTP/1.1 20")
        self.close_connection = True

    def act_reset(self, answer):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def act_hold(self, answer):
        self.server.owner.held.set()
        self.server.owner.released.wait()
        self.close_connection = True

    def log_message(self, *_):
        pass

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.connections = []

    def process_request(self, connection, address):
        self.connections.append(connection)
        super().process_request(connection, address)

    def break_off(self):
        """Ends the connections that clients keep, too."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_):
        pass  # an agent that is killed breaks off its requests


class Server:
    """@policy(request without its answer, number from 0) says what each one gets."""

    def __init__(self, policy, port=0):
        self.policy = policy
        self.requests = []
        self.lock = threading.Lock()
        self.held, self.released = threading.Event(), threading.Event()
        self.http = Listener(("127.0.0.1", port), Handler)
        self.http.owner = self
        self.port = self.http.server_port
        self.url = "http://127.0.0.1:%d" % self.port

    def note(self, path, headers, body):
        with self.lock:
            request = Request(time.monotonic(), path, headers, body, None)
            request = request._replace(answer=self.policy(request, len(self.requests)))
            self.requests.append(request)
        return request.answer

    def by_key(self):
        """The requests of each batch, in the order of their coming."""
        batches = {}
        with self.lock:
            for request in self.requests:
                batches.setdefault(request.key, []).append(request)
        return batches

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
        self.http.break_off()


def script(*answers):
    """The n-th request gets the n-th answer, those after the last one the last."""
    return lambda _, n: answers[min(n, len(answers) - 1)]


def check_rules(batches):
    """What holds for every batch, whatever it was answered."""
    for requests in batches.values():
        assert len({(request.path, request.body) for request in requests}) == 1, "sent again, it is another"
        for request in requests[:-1]:
            assert not is_final(request.answer), "sent again although it was answered %d" % request.answer.status
        for before, after in zip(requests, requests[1:]):
            assert after.at - before.at >= asked_for(before.answer), "sent again before Retry-After"


def is_final(answer):
    if answer.act in ("reset", "hold", "cut"):
        return False
    return 200 <= answer.status < 300 or answer.status in (400, 413, 415, 422)


def is_good(answer):
    return answer in (OK, CLOSING, TRUNCATED)


def asked_for(answer):
    """The seconds of Retry-After, at least; a date that passes within its second counts by that."""
    for name, value in answer.headers:
        if name == "Retry-After":
            return int(value) if isinstance(value, str) else 1
    return 0
