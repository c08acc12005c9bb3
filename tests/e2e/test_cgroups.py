# SPDX-License-Identifier: Apache-2.0
"""Every known shape of a cgroup's path, in real hierarchies of cgroup v2 and v1, seen from outside and from a pod."""

import contextlib
import json
import pathlib
import secrets
import subprocess

import pytest

from program import podflame
from skips import must_skip
from testbed import PROJECT, ends_with_us

SHAPES = PROJECT / "tests/fixtures/cgroup-shapes.txt"
OWN = "kubepods/burstable/podaaf2d169-f2ae-4afa-95ed-06ff2ed6b288/" + "5" * 64
SLEEPS = "import sys, time; print(flush=True); time.sleep(600)"


def shapes():
    """Paths that a process can be put in, with the id that is to be found; None: none."""
    for line in SHAPES.read_text().splitlines():
        if line and not line.startswith("#"):
            name, text, expected = line.split("\t")
            path = text.split(":", 2)[2]
            if path != "/" and not path.startswith("/.."):
                yield path, None if expected == "-" else expected


def hierarchy_of(version):
    """A folder of our own in a hierarchy of that version."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    for fields in mounts:
        if fields[2] == {1: "cgroup", 2: "cgroup2"}[version]:
            return pathlib.Path(fields[1])
    must_skip("cgroup v%d is not mounted here" % version, debian=False)


@contextlib.contextmanager
def groups_below(base, paths):
    """The folders, which are removed again."""
    made = []
    try:
        for path in paths:
            folder = base
            for segment in path.strip("/").split("/"):
                folder = folder / segment
                if not folder.exists():
                    folder.mkdir()
                    made.append(folder)
        yield
    finally:
        for folder in sorted(made, key=lambda folder: -len(folder.parts)):
            folder.rmdir()


@contextlib.contextmanager
def pythons_in(base, paths):
    """A Python in each; their PIDs by path."""
    processes = {}
    try:
        for path in paths:
            command = [*ends_with_us("KILL"), "sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(base) + path,
                       "/usr/bin/python3", "-I", "-S", "-c", SLEEPS]
            processes[path] = subprocess.Popen(command, stdout=subprocess.PIPE)
        for process in processes.values():
            process.stdout.readline()
        yield {path: process.pid for path, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.mark.parametrize("version, reader", [(2, "outside"), (1, "outside"), (2, "pod"), (1, "pod")])
def test_every_shape_is_known(version, reader):
    expected = dict(shapes())
    hierarchy = hierarchy_of(version)
    base = hierarchy / ("podflame-test-" + secrets.token_hex(4))
    wrap = {"outside": [], "pod": ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec unshare --cgroup "$@"', str(base / OWN)]}
    base.mkdir()
    try:
        with groups_below(base, [OWN, *expected]), pythons_in(base, expected) as pids:
            done = podflame("ps", "--json", wrap=wrap[reader])
            found = {row["pid"]: row["container_id"] for row in json.loads(done.stdout)}
    finally:
        base.rmdir()
    assert {path: found[pid] for path, pid in pids.items()} == expected
