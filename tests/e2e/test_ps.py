# SPDX-License-Identifier: Apache-2.0
"""podflame ps: the Python processes of this machine and whose they are."""

import json

import interpreters
from interpreters import BARE_BOOKWORM, BOOKWORM, IN_IMAGES, Case
from program import podflame


def ps_json():
    done = podflame("ps", "--json")
    assert done.returncode == 0, done.stderr
    return {process["pid"]: process for process in json.loads(done.stdout)}


def test_containers_versions_and_names(start):
    docker = [start(Case(i, "docker"), "sleeper.py") for i in IN_IMAGES]
    bare = start(BARE_BOOKWORM, "sleeper.py")
    host = start(Case(interpreters.ON_HOST[0], "host"), "sleeper.py")
    seen = ps_json()
    for target, interpreter in zip(docker, IN_IMAGES):
        process = seen[target.pid]
        assert process["python"].startswith("%d.%d" % interpreter.version)
        assert process["container_id"] == target.id
        assert process["container_name"] == target.name
        assert process["image"] == target.image
    assert seen[bare.pid]["container_id"] == bare.id
    assert seen[host.pid]["container_id"] is None
    assert all(process["profilable"] for process in seen.values() if process["pid"] in [bare.pid, host.pid])


def test_says_why_one_cannot_be_profiled(start, python_3_3):
    target = start(python_3_3, "sleeper.py")
    process = ps_json()[target.pid]
    assert not process["profilable"]
    assert "3.3" in process["reason"]


def test_table(start):
    target = start(BOOKWORM, "sleeper.py")
    done = podflame("ps")
    assert done.returncode == 0, done.stderr
    [row] = [row for row in done.stdout.splitlines() if row.split()[:1] == [str(target.pid)]]
    assert "3.11" in row and target.name in row
