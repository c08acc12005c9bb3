# SPDX-License-Identifier: Apache-2.0
"""Lies about everything that it can name: itself, its threads, its functions, where it runs.

    liar.py SECONDS VICTIM_CONTAINER_ID VICTIM_NAME

Executes itself anew to have arguments and an environment of its choice. For Python 3.8 and later.
"""
import ctypes
import os
import sys
import threading

import target

EVIL = "\x1b[31m\r\nevil;\x00\u202e\u009b2J<script>"
LONG = "x" * 65536
PR_SET_NAME = 15


def lie():
    victim, name = sys.argv[2:4]
    forged = {"container.id": victim, "container.name": name, "k8s.pod.name": name, "K8S.pod.uid": "1",
              "host.name": name, "process.pid": "1", "service.name.": name, "evil\x1b": "1", "color": EVIL.replace("\0", ""),
              "big": LONG, "escaped": "%0a%1b%5b31m%00%ff%c3%28"}
    environment = dict(os.environb)
    environment[b"LYING"] = b"1"
    environment[b"OTEL_SERVICE_NAME"] = b"\xff\xfe\x1b[2J\n" + LONG.encode()
    environment[b"OTEL_RESOURCE_ATTRIBUTES"] = ",".join("%s=%s" % item for item in forged.items()).encode()
    arguments = [b"\x1b]0;evil\x07\xff python", b"liar.py"] + [os.fsencode(word) for word in sys.argv[1:]]
    os.execve(sys.executable, arguments, environment)


def spin(running):
    while running():
        sum(range(1000))


def renamed(function, name, file):
    named = {field: name for field in ("co_name", "co_qualname") if hasattr(function.__code__, field)}
    return type(function)(function.__code__.replace(co_filename=file, **named), globals())


def main():
    if "LYING" not in os.environ:
        lie()
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"\x1b[2J\xffevil\n", 0, 0, 0)
    running = target.start()
    for name in (EVIL, LONG, "lone\udc80", "hot"):
        threading.Thread(target=renamed(spin, name, "/app/" + name), args=(running,), name=name).start()


main()
