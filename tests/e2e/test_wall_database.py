# SPDX-License-Identifier: Apache-2.0
"""Django under gunicorn, with threads, before a PostgreSQL that is slow: what a request waits for, in mode wall."""

import collections
import subprocess
import sys

import pytest

import truth
from program import MARGIN_SECONDS, eventually, podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images

TARGETS = PROJECT / "tests/targets"
THREADS, CLIENTS = 4, 3
QUERY = "[waits: socket 127.0.0.1:5432]"


@pytest.fixture(scope="module")
def server(docker):
    """The container, while clients ask without end."""
    try:
        image = images.docker(docker, "bookworm-database")
    except Unavailable as e:
        must_skip(str(e))
    with containers.Docker(docker, image, ["/app/django_start.sh", str(THREADS)], TARGETS) as container:
        client = subprocess.Popen(["nsenter", "--net=/proc/%d/ns/net" % container.pid, sys.executable,
                                   str(TARGETS / "wsgi_load.py"), str(CLIENTS)], stdout=subprocess.PIPE, text=True)
        try:
            assert client.stdout.readline() == "ready\n", container.output()
            eventually(lambda: len(waiting_in_slow(container)) == CLIENTS, MARGIN_SECONDS, "all clients wait for the database")
            yield container
            assert client.poll() is None, "the clients have failed"
        finally:
            client.kill()
            client.wait()
            client.stdout.close()


def recorded(container, *options, seconds=3):
    done = podflame("record", "-c", container.name, "-m", "wall", "-d", seconds, "-r", 50, *options)
    assert done.returncode == 0, done.stderr
    return truth.parse_folded(done.stdout), done.stderr


def waiting_in_slow(container):
    """While it starts from a disk that others use, its memory may not answer in time: then it is asked again."""
    done = podflame("record", "-c", container.name, "-m", "wall", "-d", 0.5, "-r", 50, "-t")
    stacks = truth.parse_folded(done.stdout) if done.returncode == 0 else []
    return {frames[:3] for frames, _ in [(tuple(f.name for f in frames), n) for frames, n in stacks] if QUERY in frames}


def by_leaf(stacks):
    """Samples by the leaf frame, "" being that of a thread that runs."""
    found = collections.Counter()
    for frames, count in stacks:
        found[frames[-1].name if truth.is_idle(frames[-1]) else ""] += count
    return found


def test_a_request_waits_for_the_socket_of_its_query(server):
    stacks, _ = recorded(server)
    found, total = by_leaf(stacks), truth.total(stacks)
    assert found.most_common(1)[0][0] == QUERY, found
    # CLIENTS threads answer requests, and beside these the rest of the pool, gunicorn's worker and its arbiter wait.
    idle = sum(count for leaf, count in found.items() if leaf.startswith("[waits for work: "))
    assert found[QUERY] >= 0.8 * CLIENTS / (CLIENTS + 2) * total * 5 / 6, found
    assert found[QUERY] + idle >= 0.9 * total, found
    assert found["[waits: unknown]"] < 0.02 * total, found
    for frames, count in stacks:
        names = [frame.name.rpartition(".")[2] for frame in frames]
        if frames[-1].name == QUERY:
            # Django connects anew for each request, and waits for the server's greeting, too.
            asks = min(names.index(name) for name in ("execute", "connect") if name in names)
            assert "slow" in names and names.index("slow") < asks, names
            assert any(frame.file.endswith("utils.py") for frame in frames), frames
        elif frames[-1].name.startswith("[waits for work: "):
            assert "slow" not in names, names


def test_without_idle_workers_the_query_is_nearly_all(server):
    stacks, said = recorded(server, "--no-idle-workers", "-v")
    found = by_leaf(stacks)
    assert found[QUERY] >= 0.85 * truth.total(stacks), found
    assert not any(leaf.startswith("[waits for work: ") for leaf in found), found
    assert "are left out as asked" in said, said
