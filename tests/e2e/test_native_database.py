# SPDX-License-Identifier: Apache-2.0
"""Mixed stacks of a database driver: psycopg2 and a real PostgreSQL."""

import re

import pytest

from program import eventually, podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images


@pytest.fixture(scope="module")
def database(docker):
    try:
        image = images.docker(docker, "bookworm-database")
    except Unavailable as e:
        must_skip(str(e))
    command = ["sh", "postgres_start.sh", "python3", "native_database.py"]
    with containers.Docker(docker, image, command, PROJECT / "tests/targets") as container:
        yield container


def stands_in_order(frames, patterns):
    """Whether the frames, in their order, have all of these; others may stand between them."""
    left = iter(frames)
    return all(any(re.search(pattern, frame) for frame in left) for pattern in patterns)


def test_a_thread_that_waits_for_an_answer(database):
    """libpq keeps frame pointers, and the kernel does not tell that register of a thread that waits: Python alone is true."""

    def waiter():
        done = podflame("dump", "--native", "-p", database.pid)
        assert done.returncode == 0, done.stderr
        return [line.strip() for line in done.stdout.split('"waiter"')[1].split("\n\n")[0].splitlines()]

    eventually(lambda: "waits: socket 127.0.0.1:5432" in waiter()[0], 30, waiter)
    assert waiter()[1].startswith("wait_for_answer ("), waiter()


def test_a_thread_that_asks(database):
    done = podflame("record", "--native", "-p", database.pid, "-d", 4, "-r", 500, "-f", "folded")
    assert done.returncode == 0, done.stderr
    rows = [row.rpartition(" ") for row in done.stdout.splitlines()]
    rows = [(stack.split(";"), int(count)) for stack, _, count in rows]
    inside = sum(count for frames, count in rows if stands_in_order(frames, (r"^ask \(", r"\(_psycopg\.")))
    in_libpq = sum(count for frames, count in rows
                   if stands_in_order(frames, (r"^ask \(", r"\(_psycopg\.", r"^PQ\w+ \(libpq\.")))
    assert inside > 50 and in_libpq > 0.1 * inside, (inside, in_libpq)
    wrong = [frames for frames, _ in rows if stands_in_order(frames, (r"\(libpq\.", r"^ask \("))]
    assert not wrong, wrong[:2]
