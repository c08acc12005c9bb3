# SPDX-License-Identifier: Apache-2.0
"""Results that cannot be written are failures; a reader that goes away is none."""

import signal
import subprocess

import pytest

import interpreters
import profiles
from program import MARGIN_SECONDS, PODFLAME
from test_check import runs

HOST = interpreters.Case(interpreters.ON_HOST[0], "host")


@pytest.fixture
def line(start, tmp_path):
    """A command's line, with PID and PROFILE in it as what there is."""
    profile = profiles.write(tmp_path / "a.json", *runs())

    def line(words):
        known = {"PROFILE": str(profile)}
        if "PID" in words:
            known["PID"] = str(start(HOST, "split.py").pid)
        return [PODFLAME, *(known.get(word, word) for word in words.split())]
    return line


LINES = ["ps", "ps --json", "dump -p PID", "dump --json -p PID", "doctor", "doctor --json", "record -i -p PID -d 1",
         "top --plain -p PID -d 5", "convert PROFILE", "lines PROFILE", "lines PROFILE --json", "diff PROFILE PROFILE", "check --base PROFILE --new PROFILE",
         "help", "-h", "help record", "record -h", "--version"]


@pytest.mark.parametrize("words", LINES)
def test_a_full_disk_is_said_once(line, words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(line(words), stdout=full, stderr=subprocess.PIPE, text=True, timeout=MARGIN_SECONDS)
    assert done.returncode == (2 if words.startswith("check") else 1), done.stderr
    assert done.stderr.count("standard output") == done.stderr.count("\n") == 1, done.stderr
    assert "standard output cannot be written\n" in done.stderr or "No space left on device" in done.stderr, done.stderr


@pytest.mark.parametrize("words", ["top --plain -p PID -n 0.1 -d 60", "ps", "help"])
def test_a_reader_that_goes_away_ends_it_quietly(line, words):
    with subprocess.Popen(line(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.wait(MARGIN_SECONDS) == -signal.SIGPIPE
        assert process.stderr.read() == ""
