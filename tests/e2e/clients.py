# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm, run as a user without any rights; and requests as bytes, which no library would send."""

import contextlib
import gzip
import json
import re
import socket
import time

import hostile
from program import MARGIN_SECONDS
from testbed import PROJECT

NOBODY = 65534
AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
PROFILES = "/v1development/profiles"


def slow_clients(port, n, beginning, address="127.0.0.1"):
    """@n connections that trickle, until the block ends."""
    # Its text, since that user may not be able to read this folder.
    program = (PROJECT / "tests/targets/slow_client.py").read_text()
    return hostile.ready(["/usr/bin/python3", "-c", program, port, address, n, beginning])


def exchange(port, request, address="127.0.0.1", timeout=MARGIN_SECONDS):
    """Sends these bytes from @address and returns all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout, source_address=(address, 0)) as client:
        client.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(65536):
                answer += chunk
        return answer


def status(answer):
    """Of an answer; 0 without one."""
    found = re.match(rb"HTTP/1\.1 (\d+) ", answer)
    return int(found[1]) if found else 0


def get(port, path, *headers, address="127.0.0.1", host=None, timeout=MARGIN_SECONDS):
    """The status of a GET with these header lines."""
    lines = ["GET %s HTTP/1.1" % path, "Host: " + (host or "127.0.0.1:%d" % port), *headers, "", ""]
    return status(exchange(port, "\r\n".join(lines).encode(), address, timeout))


def post(port, body, *headers, host=None, path=PROFILES, timeout=MARGIN_SECONDS):
    """The status of a POST of a packed body."""
    lines = ["POST %s HTTP/1.1" % path, "Host: " + (host or "127.0.0.1:%d" % port), "Content-Type: application/json",
             "Content-Encoding: gzip", "Content-Length: %d" % len(body), *headers, "", ""]
    return status(exchange(port, "\r\n".join(lines).encode() + body, timeout=timeout))


def trickle_until_closed(port, beginning, address="127.0.0.1"):
    """Sends a byte every quarter of a second; how many seconds until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), MARGIN_SECONDS, source_address=(address, 0)) as client:
        begin = time.monotonic()
        client.settimeout(0.25)
        client.sendall(beginning)
        while time.monotonic() < begin + MARGIN_SECONDS:
            try:
                client.sendall(b"a")
                if client.recv(65536) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        return time.monotonic() - begin


# ---- bodies ---------------------------------------------------------------------------------


def packed(text):
    return gzip.compress(text.encode() if isinstance(text, str) else text, 9)


def large_bodies():
    """Bodies that are small when packed, and as much as possible for whoever reads them: by name."""
    half = (1 << 19) - 10
    yield "objects", b'{"x":[' + b",".join([b'{"a":1}'] * half) + b"]}"
    yield "nested objects", b'{"x":[' + b",".join([b'{"a":{"b":{"c":[]}}}'] * (half // 4)) + b"]}"
    yield "numbers", b'{"x":[' + b",".join([b"1"] * ((1 << 22) - 10)) + b"]}"
    yield "strings", b'{"x":[' + b",".join([b'"aaaaaaa"'] * ((1 << 22) - 10)) + b"]}"
    yield "both", (b'{"x":[' + b",".join([b'{"a":"aaaaaa","b":"aaaaaaaa"}'] * half) + b"," +
                   b",".join([b'"aaaaaaa"'] * ((1 << 22) - 2 * half - 100)) + b"]}")
    yield "depth", b'{"x":[' + b",".join([b"[" * 29 + b"]" * 29] * 60000) + b"]}"
    yield "members", b'{"x":{' + b",".join([b'"k%d":{}' % i for i in range(900000)]) + b"}}"
    # One large stack of functions with long names, in as many profiles as there may be: each has its own copy.
    table = b",".join([b'{"nameStrindex":1,"startLine":%d}' % i for i in range(4000)])
    places = b",".join([b'{"lines":[{"functionIndex":%d}]}' % i for i in range(4000)])
    frames = b",".join([b"%d" % i for i in range(4000)])
    profile = b'{"samples":[{"stackIndex":1,"values":[1]}]}'
    yield "profiles", (b'{"dictionary":{"stringTable":["","%s"],"functionTable":[%s],"locationTable":[%s],"stackTable":[{},'
                       b'{"locationIndices":[%s]}]},"resourceProfiles":[{"scopeProfiles":[{"profiles":[%s]}]}]}'
                       % (b"f" * 100, table, places, frames, b",".join([profile] * 150)))
    yield "one string", b'{"x":"' + b"a" * (60 << 20) + b'"}'
    yield "spaces", b'{"x":' + b" " * (60 << 20) + b"1}"


def many_stacks(stacks, depth, container):
    """A profile such as podflame itself sends, of @stacks that all differ."""
    strings, functions = ["", "cpu", "nanoseconds", "samples", "count", "f.py"], [{}]
    locations, tables, samples = [{}], [{}], []
    for i in range(3000):
        strings.append("function_%d" % i)
        functions.append({"nameStrindex": len(strings) - 1, "filenameStrindex": 5, "startLine": 1})
        locations.append({"lines": [{"functionIndex": i + 1, "line": 2 + i % 7}]})
    for i in range(stacks):
        frames = [1 + (i + 7 * d * (1 + i // 3000)) % 3000 for d in range(depth)]
        tables.append({"locationIndices": frames})
        samples.append({"stackIndex": i + 1, "values": ["1"]})
    attributes = [{"key": "container.id", "value": {"stringValue": container}}]
    profile = {"sampleType": {"typeStrindex": 3, "unitStrindex": 4}, "periodType": {"typeStrindex": 1, "unitStrindex": 2},
               "period": "10000000", "timeUnixNano": str(int(time.time() * 1e9)), "durationNano": "10000000000",
               "samples": samples}
    return packed(json.dumps({
        "resourceProfiles": [{"resource": {"attributes": attributes}, "scopeProfiles": [{"profiles": [profile]}]}],
        "dictionary": {"stringTable": strings, "functionTable": functions, "locationTable": locations,
                       "stackTable": tables},
    }, separators=(",", ":")))
