# SPDX-License-Identifier: Apache-2.0
"""dump --native: the C code of threads that wait, between the Python frames where it belongs."""

import json
import re
import subprocess

import pytest
from program import podflame

WAITS = """
import os, sys, threading, time
def sleeps(_): time.sleep(100)
def maps(): list(map(sleeps, [1]))
def reads(): os.read(os.pipe()[0], 1)
for function in (maps, reads):
    threading.Thread(target=function, name=function.__name__, daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def waits():
    command = ["/usr/bin/python3", "-c", WAITS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def frames_of(said, thread):
    """The names of a thread's frames, innermost first, and those of them that are Python's."""
    part = said.split('"%s"' % thread)[1].split("\n\n")[0].splitlines()[1:]
    frames = [line.strip().partition(" (") for line in part]
    return [name for name, _, _ in frames], [name for name, _, place in frames if ":" in place]  # Python's have a line


def test_c_code_stands_between_the_python_frames_that_call_it_and_that_it_calls(waits):
    done = podflame("dump", "-p", waits.pid, "--native")
    assert done.returncode == 0, done.stderr
    names, python = frames_of(done.stdout, "maps")
    assert python[:2] == ["sleeps", "maps"], done.stdout
    inner, between = names[:names.index("sleeps")], names[names.index("sleeps") + 1:names.index("maps")]
    assert any("nanosleep" in name for name in inner), names
    assert between and not set(between) & set(python), names
    names, python = frames_of(done.stdout, "reads")
    assert python[0] == "reads" and names.index("reads") > 0 and "read" in names[0], names


def test_without_it_there_is_python_alone(waits):
    done = podflame("dump", "-p", waits.pid)
    names, python = frames_of(done.stdout, "maps")
    assert names == python and names[:2] == ["sleeps", "maps"], names


def test_the_kernel_is_shown_to_whom_the_kernel_tells_it(waits):
    done = podflame("dump", "-p", waits.pid, "--native", "--confine", "off")
    names, _ = frames_of(done.stdout, "maps")
    assert "do_syscall_64" in names or "invoke_syscall" in names, names
    assert names.index("sleeps") > max(names.index(n) for n in names if n in ("do_syscall_64", "invoke_syscall"))


def test_json_has_the_same_python_frames(waits):
    done = podflame("dump", "-p", waits.pid, "--native", "--json")
    [process] = json.loads(done.stdout)
    frames = {thread["name"]: thread["frames"] for thread in process["threads"]}
    python = [frame["function"] for frame in frames["maps"] if "kind" not in frame]
    assert python[:2] == ["sleeps", "maps"]
    code = [frame for frame in frames["maps"] if frame.get("kind") == "c"]
    assert any("nanosleep" in frame["function"] for frame in code), code
    assert all(re.fullmatch("0x[0-9a-f]+", frame["address"]) for frame in code), code
    assert all(re.fullmatch("[0-9a-f]{40}", frame["build_id"]) for frame in code if "libc.so" in frame["file"]), code
