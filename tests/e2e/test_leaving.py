# SPDX-License-Identifier: Apache-2.0
"""The list of what leaves the machine, in deploy/README.md, against what an OTLP profile holds."""

import json
import re
import subprocess

from collector import free_port
from program import PODFLAME, podflame
from testbed import PROJECT

CLAIMED = {"team": "shop", "service.version": "7"}


def readme():
    """The section's names of attributes."""
    section = (PROJECT / "deploy/README.md").read_text().split("## What leaves the machine")[1].split("\n## ")[0]
    return set(re.findall(r"`([a-z0-9]+(?:\.[a-z0-9_]+)+)`", section))


def keys(value, strings):
    """Of attributes, wherever they stand: by name, or by number in the table of strings."""
    if isinstance(value, list):
        for item in value:
            yield from keys(item, strings)
    elif isinstance(value, dict):
        if "value" in value:
            yield value["key"] if "key" in value else strings[value.get("keyStrindex", 0)]
        for item in value.values():
            yield from keys(item, strings)


def profile_of(tmp_path, secret):
    """Of a program with a token among its arguments and in its environment."""
    burn = "import threading, time\nthreading.Thread(target=lambda: [None for _ in iter(time.time, 0)], daemon=True).start()\ntime.sleep(600)"
    environment = {"OTEL_RESOURCE_ATTRIBUTES": ",".join("%s=%s" % pair for pair in CLAIMED.items()), "TOKEN": secret}
    target = subprocess.Popen(["/usr/bin/python3", "-c", burn, "--password", secret], env=environment)
    try:
        path = tmp_path / "profile.otlp.json"
        done = podflame("record", "-p", target.pid, "--threads", "-d", 2, "-o", path)
        assert done.returncode == 0, done.stderr
        return path.read_text()
    finally:
        target.kill()
        target.wait()


def test_nothing_leaves_that_the_readme_does_not_name(tmp_path):
    secret = "hunter%d" % free_port()
    text = profile_of(tmp_path, secret)
    profile = json.loads(text)
    found = set(keys(profile, profile["dictionary"]["stringTable"])) - {""}
    assert CLAIMED.keys() <= found and {"host.cpu.model.name", "os.version", "thread.id"} <= found
    unnamed = {key for key in found - CLAIMED.keys() - readme() if not re.fullmatch(r"podflame\.[a-z_]+", key)}
    assert unnamed == set()
    assert secret not in text


def test_what_the_readme_names_is_what_the_program_knows():
    with open(PODFLAME, "rb") as file:
        program = file.read()
    assert len(readme()) > 20
    assert [key for key in readme() if key.encode() not in program] == []
