# SPDX-License-Identifier: Apache-2.0
"""Services of asyncio as people run them: which request's task runs."""

import collections
import contextlib
import re
import subprocess
import sys

import pytest

from program import folded
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images

sys.path[:0] = [str(PROJECT / "tests/oracle")]

import readers  # noqa: E402

TARGETS = PROJECT / "tests/targets"
SERVICE = "task_services.py"
# Of stacks in a coroutine, those that begin at its task: it cannot always be told which one runs.
ROOTED_MIN = 0.97


@contextlib.contextmanager
def running(docker, *arguments):
    try:
        image = images.docker(docker, "trixie-tasks")
    except Unavailable as e:
        must_skip(str(e))
    with containers.Docker(docker, image, ["python3", SERVICE, *arguments], TARGETS) as container:
        yield container


@contextlib.contextmanager
def loaded(container):
    """While clients in the container's own network ask."""
    client = subprocess.Popen(["nsenter", "--net=/proc/%d/ns/net" % container.pid, sys.executable,
                               str(TARGETS / "task_load.py"), "8"], stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout.readline() == "ready\n", container.output()
        yield
        assert client.poll() is None, "the clients have ended"
    finally:
        client.kill()
        client.wait()
        client.stdout.close()


def by_leaf(text):
    """{innermost function of the service: {names of the frames down to it: stacks}}"""
    found = collections.defaultdict(collections.Counter)
    for stack, count in readers.parse_folded(text):
        names = [frame.name for frame in stack if not readers.is_idle(frame)]
        own = [i for i, frame in enumerate(stack) if frame.file == SERVICE and frame.name != "spin"]
        if own:
            found[stack[own[-1]].name][tuple(names[:own[-1] + 1])] += count
    return found


def rooted(paths, name):
    """The paths that begin at a task called so; nearly all must."""
    total = sum(paths.values())
    assert total > 0
    these = {path: count for path, count in paths.items() if re.fullmatch("task " + name, path[0])}
    assert sum(these.values()) >= ROOTED_MIN * total - 2, paths
    return these


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_fastapi_under_uvicorn(docker, loop):
    with running(docker, "api", loop) as container, loaded(container):
        found = by_leaf(folded("-p", container.pid, samples=1500))
        by_code = by_leaf(folded("-p", container.pid, "--tasks", "coroutine", samples=1000))
    # A request's endpoint runs in the task that uvicorn has made for it.
    for path in rooted(found["render_order"], r"Task-\d+"):
        assert path[1].endswith("run_asgi") and path[-2:] == ("order", "render_order"), path
        assert not any(name in ("load", "report", "plain") for name in path), path
    # The parts of a report have tasks of their own. That a gather() awaits them is told from 3.14 on.
    assert set(rooted(found["parse_part"], r"Task-\d+")) and all(
        path[1:] == ("load", "parse_part") for path in rooted(found["parse_part"], r"Task-\d+"))
    # What is no coroutine is called in a thread, where no task runs.
    assert found["compute_plain"] and not any(path[0].startswith("task ") for path in found["compute_plain"]), found
    assert set(rooted(by_code["parse_part"], "load")) == {("task load", "load", "parse_part")}
    assert len({path[0] for path in rooted(by_code["render_order"], r".*run_asgi")}) == 1


def test_an_aiohttp_client_with_many_requests_in_flight(docker):
    with running(docker, "client", "300") as container:
        found = by_leaf(folded("-p", container.pid, samples=1500))
    paths = rooted(found["digest"], r"worker-\d+")
    assert {path[1:] for path in paths} == {("worker", "digest")}, found
    assert len({path[0] for path in paths}) > 30, found  # many of them were met
    for path in rooted(found["worker"], r"worker-\d+"):
        assert path[1] == "worker"
