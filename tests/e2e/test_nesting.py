# SPDX-License-Identifier: Apache-2.0
"""Containers in containers, and PID namespaces in PID namespaces: a node that is itself a container, as kind, minikube
and k3s in Docker make them."""

import contextlib
import json
import os
import pathlib
import secrets
import signal
import uuid

import pytest

from interpreters import BARE_BOOKWORM
from program import eventually, podflame
from skips import must_skip

INNER, POD = secrets.token_hex(32), str(uuid.uuid4())
PATH = "kubepods/besteffort/pod%s/%s" % (POD, INNER)


def innermost_pid(pid):
    """What the process itself takes for its PID, and how many namespaces it is in."""
    rows = dict(row.split(":\t", 1) for row in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines())
    pids = rows["NSpid"].split()
    return int(pids[-1]), len(pids)


def gone(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@contextlib.contextmanager
def moved_into(group, path, pid):
    """The process is in a cgroup below the node's, as its container runtime would have put it there."""
    folder = group / path
    folder.mkdir(parents=True)
    try:
        (folder / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: gone(pid) and not (folder / "cgroup.procs").read_text(), 20, "the process ends")
        while folder != group:
            folder.rmdir()
            folder = folder.parent


class Node:
    """@container is the PID of the program in the container, @own that of the node's own one, here and on the node."""

    def __init__(self, target):
        self.target = target
        eventually(lambda: len(target.host_pids()) == 4, 20, "all processes are there")
        depths = {pid: innermost_pid(pid)[1] for pid in target.host_pids()}
        [self.container] = [pid for pid, depth in depths.items() if depth == max(depths.values())]
        shallow = sorted(pid for pid in depths if pid != self.container)
        self.own = shallow[1]

    def wrap(self):
        """As docker run --pid=container:NODE: the node's processes, and a root and a cgroup of its own."""
        return ["nsenter", "--target", str(self.target.pid), "--pid", "unshare", "--mount", "sh", "-c",
                'mount -t proc proc /proc && exec "$@"', "sh"]

    def pid_on(self, pid):
        """By the node's numbers."""
        rows = dict(row.split(":\t", 1) for row in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines())
        depth = innermost_pid(self.target.pid)[1]
        return int(rows["NSpid"].split()[depth - 1])


@pytest.fixture
def node(start):
    target = start(BARE_BOOKWORM, "node.py", "web-0_shop_app-%s.log" % INNER)
    node = Node(target)
    with moved_into(target.group, PATH, node.container):
        yield node


def rows(**options):
    done = podflame("ps", "--json", **options)
    assert done.returncode == 0, done.stderr
    return {row["pid"]: row for row in json.loads(done.stdout)}


def test_from_the_machine_all_of_a_node_is_one_container(node):
    seen = rows()
    for pid in (node.container, node.own):
        assert (seen[pid]["container_id"], seen[pid]["pod"]) == (node.target.id, None)


def test_on_a_node_its_pods_are_known(node):
    seen = rows(wrap=node.wrap())
    inner, own = seen[node.pid_on(node.container)], seen[node.pid_on(node.own)]
    assert (inner["container_id"], inner["namespace"], inner["pod"], inner["k8s_container"]) == (INNER, "shop", "web-0", "app")
    assert (own["container_id"], own["pod"]) == (node.target.id, None)
    assert len(seen) == 4, "the machine's other processes are not seen"


@pytest.mark.parametrize("by", ["pid", "pod"])
def test_samples_on_a_node_are_those_of_the_right_process(node, by):
    """The kernel's events are of all processes of the machine; their PIDs have to be those of the node."""
    target = {"pid": ["-p", node.pid_on(node.container)], "pod": ["--pod", "shop/web-0"]}[by]
    done = podflame("record", *target, "-d", 2, "-r", 500, "-v", "-f", "folded", wrap=node.wrap())
    assert done.returncode == 0, done.stderr
    if "perf tick" not in done.stderr:
        must_skip("no events of the whole machine here", debian=False)
    stacks = dict(row.rsplit(" ", 1) for row in done.stdout.splitlines())
    assert stacks and all("of_container" in stack for stack in stacks), done.stdout
    own = podflame("record", "-p", node.pid_on(node.own), "-d", 1, "-f", "folded", wrap=node.wrap())
    assert "of_node" in own.stdout and "of_container" not in own.stdout


def test_in_a_container_of_its_own_only_its_children_are_seen(node, tmp_path):
    """Without --pid: nothing of the node, and its children all the same."""
    wrap = ["unshare", "--pid", "--fork", "--mount-proc"]
    assert rows(wrap=wrap) == {}
    code = "def of_child():\n  for _ in range(10**7): pass\nof_child()"
    done = podflame("record", "-o", tmp_path / "x.folded", "--", "/usr/bin/python3", "-c", code, wrap=wrap)
    assert done.returncode == 0 and "of_child" in (tmp_path / "x.folded").read_text(), done.stderr
