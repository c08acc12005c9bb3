# SPDX-License-Identifier: Apache-2.0
"""Containers of Debian's podman have their names, from its own storage: root's, and those of a user without root."""

import contextlib
import json
import os
import pathlib
import shutil

import pytest

from conftest import TARGETS
from program import eventually, podflame, record
from skips import must_skip
from test_confinement import CAPABILITIES, restricted
from testbed import PROJECT, Unavailable, images, podman

HOSTILE = PROJECT / "tests/hostile"
IMAGE = "registry.test/team/billing:1.2"


@contextlib.contextmanager
def roots_container(*options):
    try:
        with podman.open_podman(IMAGE) as manager, \
                podman.Container(manager, images.directory("bookworm") / "usr", IMAGE, ["python3", "split.py"],
                                 TARGETS, options) as container:
            yield container
    except Unavailable as e:
        must_skip(str(e))


def row_of(container, **options):
    row, = [row for row in json.loads(podflame("ps", "--json", **options).stdout) if row["pid"] == container.pid]
    return row


def rows_of(container):
    return [row for row in json.loads(podflame("ps", "--json").stdout)
            if (row["container_id"] or "").startswith(container.id)]


def names_alone(pid):
    """By doctor, which asks for this one process: no other of the container has been asked before."""
    target, = json.loads(podflame("doctor", "--json", "-p", pid).stdout)["targets"]
    return target["container_name"], target["image"]


USERS = ["--uidmap", "0:%d:65536" % podman.SUBORDINATE, "--gidmap", "0:%d:65536" % podman.SUBORDINATE]


@pytest.mark.parametrize("options", [[], USERS], ids=["plain", "users of its own"])
def test_podman_containers_have_their_names(options):
    """Also one whose root is nobody on the machine, as that of a pod with hostUsers: false. The four capabilities do."""
    with roots_container("--env", "OTEL_SERVICE_NAME=invoices", *options) as container:
        uid = pathlib.Path("/proc/%d" % container.pid).stat().st_uid
        assert uid == (podman.SUBORDINATE if options else 0)
        for wrap in ([], restricted(CAPABILITIES)):
            row = row_of(container, wrap=wrap, env={**os.environ, "PODFLAME_PODMAN_ROOT": str(container.podman.storage)})
            assert row["container_id"] == container.id
            assert (row["container_name"], row["image"], row["profilable"]) == (container.name, IMAGE, True)
            assert row["service"] == "invoices"
            done = podflame("record", "-c", container.id, "-d", 1, "-r", 500, wrap=wrap)
            assert done.returncode == 0 and "hot" in done.stdout, done.stderr


@pytest.fixture
def users_container(tmp_path):
    """What a user reaches: Debian's Python of this machine, and a copy of the program."""
    with contextlib.ExitStack() as stack:
        try:
            manager = stack.enter_context(podman.open_podman(IMAGE, as_user=True))
            folder = manager.storage.parent / "app"
            shutil.copytree(TARGETS, folder)
            yield stack.enter_context(podman.Container(manager, "/usr", IMAGE, ["/usr/bin/python3", "split.py"], folder))
        except Unavailable as e:
            must_skip(str(e))


@pytest.mark.host_pids
def test_containers_of_a_user_have_their_names_and_the_users_number(users_container):
    container = users_container
    for wrap in ([], restricted(CAPABILITIES)):
        row = row_of(container, wrap=wrap)
        assert row["container_id"] == "%s@%d" % (container.id, podman.USER)
        assert (row["container_name"], row["image"]) == ("%s@%d" % (container.name, podman.USER), IMAGE)
        assert (row["profilable"], row["claimed_container_id"]) == (True, None)
    for name in (container.name, row["container_name"], container.id[:12]):
        assert "hot" in record("-c", name, "-f", "folded", seconds=1), name


DEEP = """
import os, time
for _ in range(80):
    if os.fork():
        os.wait()
print("deepest")
while True:
    pass
"""


@pytest.mark.host_pids
def test_what_a_user_makes_too_large_is_left_out(users_container):
    container = users_container
    with open(container.podman.storage / "vfs-containers/containers.json", "a") as file:
        file.write(" " * (1 << 20))
    (container.podman.storage.parent / "app/deep.py").write_text(DEEP)
    container.podman.call("exec", "--detach", container.id, "python3", "deep.py")

    def crowd():
        rows = [row for row in rows_of(container) if row["command"].endswith("deep.py")]
        return len(rows) == 81 and rows
    rows = eventually(crowd, 20, "all are there")
    known = {row["pid"]: names_alone(row["pid"]) for row in (rows[0], rows[-1])}
    assert list(known.values()) == [("%s@%d" % (container.name, podman.USER), None), (None, None)]


@pytest.mark.host_pids
def test_a_process_of_a_users_container_does_not_name_it(users_container):
    """It is called conmon, and says which container it watches; the real one is above it."""
    container = users_container
    shutil.copy(HOSTILE / "conmon.py", container.podman.storage.parent / "app")
    container.podman.call("exec", "--detach", container.id, "python3", "conmon.py", "-c", container.id, "-n", "forged")

    def children():
        return [row for row in rows_of(container) if "while True" in row["command"]]
    child, = eventually(children, 20, "the child is there")
    assert names_alone(child["pid"])[0] == "%s@%d" % (container.name, podman.USER)
