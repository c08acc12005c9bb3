# SPDX-License-Identifier: Apache-2.0
"""Memory that does not answer, whatever was looked at before it is read: it holds up nobody but its owner."""

import contextlib
import json
import re
import signal
import urllib.request

import pytest

import collector
import hostile
from program import MARGIN_SECONDS, eventually, podflame
from testbed import PROJECT, containers

DONE_SECONDS = 60  # what takes longer waits for a page
SILENCE = "its memory does not answer"


def lay(process):
    """Tells a trap.py to lay its trap; it is laid on return."""
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "trap\n"


@contextlib.contextmanager
def served(place):
    """A Python, of root, whose userfaultfd never serves the pages of @place."""
    with hostile.running("trap.py", place, user=()) as target:
        lay(target)
        yield target


def victim():
    return containers.Host(["/usr/bin/python3", "split.py"], PROJECT / "tests/targets")


@pytest.mark.parametrize("command", ["ps", "dump", "doctor", "record"])
def test_a_command_says_what_does_not_answer(command):
    with served("runtime") as target:
        done = podflame(*(("ps", "--json") if command == "ps" else (command, "-p", target.pid)), timeout=DONE_SECONDS)
    assert done.returncode == (command != "ps"), done.stderr
    if command == "ps":
        [reason] = [process["reason"] for process in json.loads(done.stdout) if process["pid"] == target.pid]
        assert SILENCE in reason
    else:
        assert SILENCE in done.stdout + done.stderr


def test_the_agent_leaves_it_alone_and_finds_others(tmp_path):
    port = collector.free_port()

    def get(path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=MARGIN_SECONDS) as answer:
            return answer.read().decode()

    with served("runtime") as target, collector.Collector(tmp_path / "collector") as store, \
            collector.agent(tmp_path / "agent", store.url, "--window", 1, "--listen", "127.0.0.1:%d" % port) as agent:
        eventually(lambda: "process %d: not profilable" % target.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
        with victim() as late:
            eventually(lambda: "process %d: Python" % late.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
            eventually(lambda: "split.py" in json.dumps(store.json("series")), MARGIN_SECONDS, lambda: agent.stderr)
        # Other tests lay traps at the same time.
        assert re.search(r'podflame_targets{state="unreadable",reason="hangs"} [1-9]', get("/metrics"))
        assert get("/healthz").strip() == "ok"
        assert len(re.findall("process %d: .*%s" % (target.pid, SILENCE), agent.stderr)) == 1
