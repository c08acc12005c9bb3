# SPDX-License-Identifier: Apache-2.0
"""With -v each command says what in the memory of a process was not as expected, and where."""

import json
import pathlib
import re
import subprocess

import pytest

import hostile
import interpreters
from program import MARGIN_SECONDS, eventually, podflame
from skips import must_skip

REFUSAL = r"^podflame: process %d: refused: %s at 0x([0-9a-f]+): expected %s, found (?:0x)?([0-9a-f]+|none)"
TOO_LONG = 2**63 - 1
# In 3.13's table of debug offsets: words, by name.
FRAME_SIZE, FRAME_OWNER = 28, 33


def refusals(pid, field, expected, done):
    """(address, value) of each that was said."""
    return re.findall(REFUSAL % (pid, re.escape(field), expected), done.stderr, re.M)


def tell(target, *words):
    target.stdin.write(" ".join(map(str, words)) + "\n")
    target.stdin.flush()
    assert target.stdout.readline() == "done\n"


@pytest.fixture
def misled():
    """A 3.13 whose own table has a wrong word, and a function that says which."""
    found = [i for i in interpreters.pyenv() if i.version == (3, 13)]
    if not found:
        must_skip("this machine has no 3.13 of pyenv's", debian=False)
    installation = hostile.installed(pathlib.Path(found[0].command[0]).parents[1])
    with hostile.running("forged.py", stdin=subprocess.PIPE, **installation) as target:
        tell(target, "offset", FRAME_OWNER, 4000)
        yield target


def test_dump(misled):
    done = podflame("dump", "-v", "-p", misled.pid)
    [(owner, value)] = refusals(misled.pid, "frame.owner", r"an end within its struct \(0x[0-9a-f]+\)", done)
    assert done.returncode == 1 and int(value, 16) == 4001, done.stderr
    tell(misled, "offset", FRAME_SIZE, 2**40)
    done = podflame("dump", "-v", "-p", misled.pid)
    places = dict(refusals(misled.pid, "debug_offsets", r"an offset of at most \(0x100000\)", done))
    size = int(owner, 16) - 8 * (FRAME_OWNER - FRAME_SIZE)
    assert places == {"%x" % size: "%x" % 2**40}, (owner, done.stderr)
    assert "refused" not in podflame("dump", "-p", misled.pid).stderr


def test_dump_of_a_thread_list_in_a_circle():
    with hostile.running("circle.py", 2) as target:
        done = podflame("dump", "-v", "--json", "-p", target.pid)
        assert done.returncode == 0 and json.loads(done.stdout), done.stderr
        [(address, value)] = refusals(target.pid, "tstate.next", "a thread state that was not in the list before", done)
        assert address == value


def test_ps(misled):
    """A process that has just been started may still become one that can be read: it is listed some seconds later."""
    eventually(lambda: str(misled.pid) in podflame("ps").stdout.split(), MARGIN_SECONDS, "listed")
    done = podflame("ps", "-v")
    assert done.returncode == 0 and refusals(misled.pid, "frame.owner", ".*", done), done.stderr
    row = next(row for row in done.stdout.splitlines() if row.split()[0] == str(misled.pid))
    assert "not profilable" in row
    assert "refused" not in podflame("ps").stderr


def test_doctor(misled):
    done = podflame("doctor", "-v", "-p", misled.pid)
    assert done.returncode == 1 and refusals(misled.pid, "frame.owner", ".*", done), done.stderr


def test_record(tmp_path):
    """Names of a length that cannot be: each sample refuses them, and the summary has each field once."""
    with hostile.running("forged.py", stdin=subprocess.PIPE) as target:
        tell(target, "lengths", TOO_LONG)
        words = ["record", "-p", target.pid, "-d", 2, "-r", 1000, "-o", tmp_path / "out.folded"]
        done = podflame(*words, "-v")
        assert refusals(target.pid, "code.name", "a length of a str", done), done.stderr
        count = re.search(r"refused: code\.name .* \(the first of (\d+)\)$", done.stderr, re.M)
        assert count and int(count[1]) > 10, done.stderr
        said = re.findall(r"process %d: refused: " % target.pid, done.stderr)
        assert len(said) <= 9, done.stderr
        assert "refused: code" not in podflame(*words).stderr
