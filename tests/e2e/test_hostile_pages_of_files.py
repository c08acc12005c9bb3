# SPDX-License-Identifier: Apache-2.0
"""A page of a file that never comes holds up nobody but its owner. FUSE here; NFS is judged by the name of its type."""

import contextlib
import json
import os
import subprocess
import tempfile

import pytest

import collector
import hostile
import truth
from program import MARGIN_SECONDS, eventually, keeps_the_gil, podflame
from testbed import PROJECT, containers

PYTHON = "/usr/bin/python3.11"
DONE_SECONDS = 20  # what takes longer waits for a page


@contextlib.contextmanager
def mounted(reads):
    """A file system of one file, PYTHON's, that answers so many readings. What waits for it goes on with the block's end."""
    with tempfile.TemporaryDirectory(prefix="podflame-silent-") as folder:
        os.chmod(folder, 0o755)
        command = ["/usr/bin/python3", hostile.FOLDER / "silent_files.py", folder, PYTHON, str(reads)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "ready\n"
            yield os.path.join(folder, "python3.11")
        finally:
            server.kill()  # the kernel ends all that waits for it
            server.wait()
            server.stdout.close()
            subprocess.run(["umount", "--lazy", folder], check=False)


@pytest.fixture(params=["", "arguments", "marked"])
def silent(request):
    with mounted(0) as file, hostile.running("silent_map.py", file, *request.param.split()) as target:
        yield target


@pytest.mark.parametrize("command", [("ps", "--json"), ("dump",), ("doctor",), ("record", "-d", "1", "-i")],
                         ids=lambda command: command[0])
def test_commands_end(silent, command):
    done = podflame(*command, *(() if command[0] == "ps" else ("-p", silent.pid)), timeout=DONE_SECONDS)
    assert done.returncode == 0, done.stderr
    if command[0] == "ps":
        assert silent.pid in [process["pid"] for process in json.loads(done.stdout)]
    elif command[0] != "doctor":
        assert "silent_map.py" in done.stdout


def test_the_agent_finds_and_samples_others(silent, tmp_path):
    with collector.Collector(tmp_path / "collector") as store, \
            collector.agent(tmp_path / "agent", store.url, "--window", 1) as agent, \
            containers.Host(["/usr/bin/python3", "path.py"], PROJECT / "tests/targets") as victim:
        eventually(lambda: "process %d: Python" % victim.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
        eventually(lambda: "process %d: Python" % silent.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)


def test_a_python_on_such_a_file_system_is_profiled():
    """What of it is in memory is read, the rest is not asked for."""
    with mounted(-1) as file:
        with containers.Host([file, "path.py"], PROJECT / "tests/targets") as target:
            keeps_the_gil(target.pid)
            done = podflame("record", "-p", target.pid, "-d", 1, "-r", 500, timeout=DONE_SECONDS)
    assert done.returncode == 0, done.stderr
    stacks = truth.parse_folded(done.stdout)
    assert truth.total(stacks) > 20
    assert all([frame.name for frame in frames][:2] == ["<module>", "main"] for frames, _ in stacks)
