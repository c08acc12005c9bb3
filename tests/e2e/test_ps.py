# SPDX-License-Identifier: Apache-2.0
"""podflame ps: the Python processes of this machine and whose they are."""

import json
import re

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


def table(target, *options, **more):
    """The head of the table, the target's row, and what stands below its last one."""
    done = podflame("ps", *options, **more)
    assert done.returncode == 0, done.stderr
    rows, _, below = done.stdout.partition("\n\n")
    head, *rows = rows.splitlines()
    [row] = [row for row in rows if row.split()[:1] == [str(target.pid)]]
    assert all(row.split()[0].isdigit() for row in rows), "a row for each process, and no more"
    return head, row, below


def test_table(start):
    target = start(BOOKWORM, "sleeper.py")
    head, row, _ = table(target)
    assert "3.11" in row and target.name in row
    assert head.split() == ["PID", "PYTHON", "CONTAINER", "NAME", "IMAGE", "COMMAND"]
    assert head.index("CONTAINER") - head.index("PYTHON") > len("3.15.0rc1")
    assert row.index(target.id[:12]) == head.index("CONTAINER") and row.index(target.name) == head.index("NAME")
    assert row.endswith("sleeper.py") and row.index("python3") == head.index("COMMAND")


def test_refused_ones_have_a_row_like_all(start, python_3_3):
    target = start(python_3_3, "sleeper.py")
    _, row, below = table(target)
    assert re.search(r"not profilable \(.*3\.3.*\): \S+ sleeper\.py", row) and "3.3" not in below


def test_what_helps_is_said_once(start):
    """Without the capability, root may not read what has it: neither a container nor the host's processes."""
    target = start(Case(interpreters.ON_HOST[0], "host"), "sleeper.py")
    _, row, below = table(target, wrap=["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"])
    assert "not profilable (permission refused): " in row and "sleeper.py" in row
    assert below.count("permission refused: ") == below.count("CAP_SYS_PTRACE is missing") == 1
