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
from skips import must_skip
from testbed import PROJECT, containers

PYTHON = "/usr/bin/python3.11"
DONE_SECONDS = 20  # what takes longer waits for a page


@contextlib.contextmanager
def block_device():
    """One of nothing but zeros."""
    with tempfile.NamedTemporaryFile(prefix="podflame-silent-") as file:
        file.truncate(1 << 20)
        done = subprocess.run(["losetup", "--find", "--show", file.name], capture_output=True, text=True)
        if done.returncode != 0:
            must_skip("no loop device: " + done.stderr, debian=False)
        try:
            yield done.stdout.strip()
        finally:
            subprocess.run(["losetup", "--detach", done.stdout.strip()], check=True)


@contextlib.contextmanager
def below_an_overlay(lower):
    """An overlay with @lower as one of its layers."""
    with tempfile.TemporaryDirectory(prefix="podflame-overlay-") as folder:
        os.chmod(folder, 0o755)
        other, merged = os.path.join(folder, "other, a\\b"), os.path.join(folder, "merged")
        os.mkdir(other)
        os.mkdir(merged)
        layers = ":".join([other.replace("\\", "\\\\").replace(",", "\\,"), lower])
        subprocess.run(["mount", "-i", "-t", "overlay", "overlay", "-o", "ro,lowerdir=" + layers, merged], check=True)
        try:
            yield merged
        finally:
            subprocess.run(["umount", "--lazy", merged], check=True)


@contextlib.contextmanager
def mounted(reads, kind="fuse"):
    """A file system of one file, PYTHON's, that answers so many readings. What waits for it goes on with the block's end."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="podflame-silent-"))
        os.chmod(folder, 0o755)
        device = [stack.enter_context(block_device())] if kind == "fuseblk" else []
        command = ["/usr/bin/python3", hostile.FOLDER / "silent_files.py", folder, PYTHON, str(reads), *device]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "ready\n"
            stack.callback(subprocess.run, ["umount", "--lazy", folder], check=False)
            seen = stack.enter_context(below_an_overlay(folder)) if kind == "overlay" else folder
            yield os.path.join(seen, "python3.11")
        finally:
            server.kill()  # the kernel ends all that waits for it
            server.wait()
            server.stdout.close()


# As a container sees an overlay that its runtime has made: what is below it is mounted nowhere.
CONTAINED = ["unshare", "-m", "sh", "-c", 'umount --lazy --all -t fuse && exec "$0" "$@"']


@pytest.fixture(params=["fuse", "fuse arguments", "fuse marked", "fuseblk", "overlay", "overlay contained"])
def silent(request):
    kind, *how = request.param.split()
    contained = how == ["contained"]
    with mounted(0, kind) as file, \
            hostile.running("silent_map.py", file, *([] if contained else how), before=CONTAINED if contained else ()) as target:
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
            containers.Host(["/usr/bin/python3", "path.py"], PROJECT / "tests/targets") as victim, \
            collector.agent(tmp_path / "agent", store.url, "--window", 1, "--select", "pid=%d" % victim.pid,
                            "--select", "pid=%d" % silent.pid) as agent:  # of many others its log would leave lines out
        eventually(lambda: "process %d: Python" % victim.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)
        eventually(lambda: "process %d: Python" % silent.pid in agent.stderr, MARGIN_SECONDS, lambda: agent.stderr)


@pytest.mark.parametrize("kind", ["fuse", "fuseblk", "overlay"])
def test_a_python_on_such_a_file_system_is_profiled(kind):
    """What of it is in memory is read, the rest is not asked for."""
    with mounted(-1, kind) as file:
        with containers.Host([file, "path.py"], PROJECT / "tests/targets") as target:
            keeps_the_gil(target.pid)
            done = podflame("record", "-p", target.pid, "-d", 1, "-r", 500, timeout=DONE_SECONDS)
    assert done.returncode == 0, done.stderr
    stacks = truth.parse_folded(done.stdout)
    assert truth.total(stacks) > 20
    assert all([frame.name for frame in frames][:2] == ["<module>", "main"] for frames, _ in stacks)
