# SPDX-License-Identifier: Apache-2.0
"""/proc that hides other users' processes (hidepid): said where they are missed, not called ended."""

import json
import shutil
import subprocess

import pytest

from interpreters import ON_HOST, Case
from program import MARGIN_SECONDS, PODFLAME
from test_bad_input import free_pid, refused

HOST = Case(ON_HOST[0], "host")
LEVELS = [1, 2, 4]


@pytest.fixture
def program(tmp_path):
    """A copy that everybody may execute."""
    copy = shutil.copy(PODFLAME, tmp_path / "podflame")
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    return copy


def as_nobody(program, level, *arguments, groups="--clear-groups", options=""):
    """In a mount namespace of its own, with a /proc that hides."""
    script = 'mount -t proc -o hidepid=%d%s proc /proc && exec setpriv --reuid=65534 --regid=65534 %s "$@"' % (
        level, options, groups)
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", program, *map(str, arguments)],
                          capture_output=True, text=True, timeout=MARGIN_SECONDS)


@pytest.mark.parametrize("command", ["record", "dump", "top"])
@pytest.mark.parametrize("level", LEVELS)
def test_hidden_is_not_gone(start, program, level, command):
    target = start(HOST, "sleeper.py")
    done = as_nobody(program, level, command, "-p", target.pid)
    refused(done, target.pid, "hidepid=%d" % level, "sudo podflame")
    assert "no such process" not in done.stderr


def test_gone_is_gone_all_the_same(program):
    done = as_nobody(program, 2, "dump", "-p", free_pid())
    refused(done, "no such process")
    assert "hidepid" not in done.stderr


@pytest.mark.parametrize("level", LEVELS)
def test_ps_says_what_it_does_not_list(start, program, level):
    target = start(HOST, "sleeper.py")
    done = as_nobody(program, level, "ps", "--json")
    assert done.returncode == 0 and target.pid not in [p["pid"] for p in json.loads(done.stdout)]
    assert "hidepid=%d" % level in done.stderr
    done = as_nobody(program, level, "record", "-c", "no-such-container")
    assert done.returncode == 1 and "hidepid=%d" % level in done.stderr


def test_members_of_the_group_see_all(start, program):
    target = start(HOST, "sleeper.py")
    done = as_nobody(program, 2, "ps", "--json", groups="--groups=4242", options=",gid=4242")
    assert "hidepid" not in done.stderr
    assert target.pid in [p["pid"] for p in json.loads(done.stdout)]


@pytest.mark.parametrize("level", LEVELS)
def test_doctor_names_it(program, level):
    def row(done):
        [check] = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "/proc"]
        return check
    hidden, seen = (row(as_nobody(program, n, "doctor", "--json")) for n in (level, 0))
    assert hidden["verdict"] == "less" and "hidepid=%d" % level in hidden["state"]
    assert seen["verdict"] == "ok"
