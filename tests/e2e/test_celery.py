# SPDX-License-Identifier: Apache-2.0
"""A worker of Celery on gevent: which of its tasks waits, and which one works."""

import json

from program import cpu_seconds, eventually, podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images

WORKER = ["python3", "-m", "celery", "-A", "celery_app", "worker", "-P", "gevent", "-c", "50", "--without-gossip",
          "--without-mingle", "--without-heartbeat"]
WAITING = 20


def functions(frames):
    return [frame["function"].rpartition(".")[2] for frame in reversed(frames)]


def test_its_tasks_wait_and_work(docker):
    try:
        image = images.docker(docker, "trixie-tasks")
    except Unavailable as e:
        must_skip(str(e))

    with containers.Docker(docker, image, WORKER, PROJECT / "tests/targets") as worker:

        def waiting():
            done = podflame("dump", "--tasks", "--json", "-p", worker.pid)
            found = json.loads(done.stdout)[0]["greenlets"] if done.returncode == 0 else []
            return [g for g in found if functions(g["frames"])[-3:] == ["slow", "fetch", "sleep"]]

        eventually(lambda: len(waiting()) == WAITING, 30, worker.output)
        assert {g["state"] for g in waiting()} == {"suspended"}
        assert len({g["parent"] for g in waiting()}) == 1  # the hub
        wall = podflame("record", "-p", worker.pid, "-m", "wall", "-d", 3, "-f", "folded")
        used = cpu_seconds(worker.pid)
        cpu = podflame("record", "-p", worker.pid, "-d", 3, "-r", 500, "-f", "folded")
        used = cpu_seconds(worker.pid) - used
    assert wall.returncode == cpu.returncode == 0, wall.stderr + cpu.stderr
    rows = [row.rpartition(" ") for row in wall.stdout.splitlines()]
    counts = {stack: int(count) for stack, _, count in rows}
    slept = {stack: n for stack, n in counts.items() if ";fetch (" in stack and stack.endswith(";[waits: switch]")}
    [(stack, count)] = slept.items()
    assert stack.startswith("(greenlet);") and ";slow (" in stack, stack
    assert 250 * WAITING <= count <= 700 * WAITING, slept  # 99 a second, and a crowded machine ends late
    # What works is called by its greenlet, and that by the hub and the worker's own stack.
    rows = [row.rpartition(" ") for row in cpu.stdout.splitlines()]
    works = sum(int(count) for stack, _, count in rows if ";busy (" in stack and ";work (" in stack)
    below = sum(int(count) for stack, _, count in rows
                if ";busy (" in stack and ";work (" in stack and "(greenlet);" in stack.split(";busy (")[0])
    assert works > 0.3 * 500 * used > 0 and below >= 0.99 * works - 2, (works, below, used)
