# SPDX-License-Identifier: Apache-2.0
"""Memory that is refused at one request, or at all from one on: no crash, a word about it, and a target that runs on.

tests/faults/allocations.c is in front of malloc. What asks for memory is told apart by its stack, so that each of
them is refused once, and not each of the thousands of calls.
"""

import random
import subprocess
import sys

import pytest

import shims
from program import podflame

# It wakes up at each tick, and hardly takes a CPU.
TARGET = """
import threading, time
def work():
    while True:
        sum(range(1000))
        time.sleep(0.002)
for name in ("one", "two"):
    threading.Thread(target=work, name=name, daemon=True).start()
print("ready", flush=True)
work()
"""
COMMANDS = {
    "ps": ["ps"],
    "dump": ["dump", "-p", "PID"],
    "json": ["dump", "--json", "-p", "PID"],
    "record": ["record", "-p", "PID", "-d", "0.05", "-r", "300", "-f", "folded"],
    "blocking": ["record", "--engine", "blocking", "-p", "PID", "-d", "0.05", "-r", "300", "-f", "folded"],
}
# libseccomp 2.5.4 itself does not stand it, at the start of each command, before anything is looked at.
UNCONFINED = {"PODFLAME_CONFINE": "off"}
SITES = 10  # that are tried of the hundred that a command has: others in each run of the test
WORDS = ("memory", "cannot start", "cannot be read", "cannot be watched", "no samples", "lost")


@pytest.fixture
def target():
    with subprocess.Popen([sys.executable, "-S", "-c", TARGET], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def sites(library, command, tmp_path):
    """The numbers of calls that are the first of their kind."""
    file = tmp_path / "sites"
    done = podflame(*command, env={**shims.environment(library, FAULTS_SITES=file), **UNCONFINED})
    check(done, command)
    return [int(row) for row in file.read_text().splitlines()]


def fields(pid):
    with open("/proc/%d/status" % pid) as status:
        return dict(row.rstrip("\n").split(":\t", 1) for row in status if ":\t" in row)


def check(done, case):
    """No crash; whoever has failed has said why, and nothing that is not so."""
    assert done.returncode in (0, 1), (case, done.returncode, done.stderr)
    assert "ended" not in done.stderr and "no such process" not in done.stderr, (case, done.stderr)
    if done.returncode == 1:
        assert any(word in done.stderr for word in WORDS), (case, done.stderr)


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for-good"])
@pytest.mark.parametrize("name", COMMANDS)
def test_memory_is_refused(target, tmp_path, name, for_good):
    library = shims.build("allocations", tmp_path)
    command = [str(target.pid) if word == "PID" else word for word in COMMANDS[name]]
    calls = sites(library, command, tmp_path)
    settings = {"FAULTS_ON": 1} if for_good else {}
    for call in random.sample(calls, min(SITES, len(calls))):
        done = podflame(*command, env={**shims.environment(library, FAULTS_AT=call, **settings), **UNCONFINED})
        check(done, (name, call, settings))
        now = fields(target.pid)
        assert now["State"][0] in "RS" and now["TracerPid"] == "0", (call, now["State"])


def test_an_option_without_memory_is_not_one_too_many(tmp_path):
    library = shims.build("allocations", tmp_path)
    done = podflame("agent", "--collector", "http://127.0.0.1:9", env=shims.environment(library, FAULTS_AT=1))
    assert done.returncode == 1 and "out of memory" in done.stderr, done.stderr
