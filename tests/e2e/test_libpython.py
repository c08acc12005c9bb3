# SPDX-License-Identifier: Apache-2.0
"""libpython in programs that are not called Python: linked, loaded late, unpacked and deleted, several of them."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import truth
from interpreters import pyenv
from program import eventually, folded, podflame, record
from skips import must_skip
from testbed import PROJECT

EMBED = PROJECT / "tests/targets/embed.c"
DEBIAN = pathlib.Path("/usr/lib/x86_64-linux-gnu")
SCRIPT = """
import sys, time
def left():
    for i in range(3000):
        pass
def right():
    for i in range(1000):
        pass
def main():
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    end = time.time() + 60
    while time.time() < end:
        for i in range(100):
            left()
            right()
main()
"""


def libraries():
    """{version: path} of every libpython at hand that Python finds its home for by itself."""
    found = {}
    for folder in [DEBIAN] + [pathlib.Path(i.command[0]).parents[1] / "lib" for i in pyenv()]:
        for path in folder.glob("libpython[23].*.so.1.0"):
            version = re.search(r"libpython(\d)\.(\d+)", path.name)
            found.setdefault((int(version[1]), int(version[2])), str(path))
    return found


LIBRARIES = libraries()
HOST = LIBRARIES.get((3, 11)) or max(LIBRARIES.items(), default=(0, None))[1]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build(options…): the program, compiled; its name says nothing of Python."""
    def build(*options):
        program = tmp_path_factory.mktemp("embed") / "worker"
        subprocess.run(["cc", "-o", str(program), str(EMBED), *options, "-ldl"], check=True)
        return str(program)
    return build


@pytest.fixture
def run():
    """run(command…): a process that ends with the test, its streams pipes."""
    with contextlib.ExitStack() as stack:
        def run(*command, **options):
            environment = {"PATH": os.environ["PATH"], **options.pop("env", {})}
            process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                           text=True, env=environment, **options))
            stack.callback(process.kill)
            return process
        yield run


def expect(process, word):
    line = process.stdout.readline()
    assert line == word + "\n", "%r instead of %s" % (line, word)


def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


def assert_runs_script(process, *options):
    """Its functions have their shares, and stand where they are called from."""
    stacks = truth.parse_folded(folded("-p", process.pid, *options, seconds=0.7, samples=100))
    counts = truth.leaves(stacks)
    assert sum(counts.values()) > 10
    truth.assert_share(counts["left"], counts["left"] + counts["right"], 0.75, "left")
    paths = {tuple(truth.names(frames)) for frames, _ in stacks}
    assert paths <= {("<module>", "main"), ("<module>", "main", "left"), ("<module>", "main", "right")}


def needs(version):
    return LIBRARIES.get(version) or must_skip("no libpython%d.%d here; pyenv builds it" % version, debian=False)


def test_linked(build, run):
    process = run(build("-DLINKED", HOST, "-Wl,-rpath," + os.path.dirname(HOST)), SCRIPT)
    expect(process, "ready")
    assert_runs_script(process)
    assert "libpython" in podflame("dump", "-p", process.pid).stdout


@pytest.mark.parametrize("version", sorted(LIBRARIES)[::2], ids="%d.%d".__mod__)
def test_loaded_late(build, run, version):
    """No Python, until it is one."""
    process = run(build(), SCRIPT, LIBRARIES[version])
    expect(process, "waiting")
    done = podflame("record", "-p", process.pid, "-d", 0.1)
    assert done.returncode == 1 and "not a CPython process" in done.stderr, done.stderr
    go_on(process)
    expect(process, "ready")
    assert_runs_script(process)


def test_loaded_late_by_a_command(build, tmp_path):
    program, out = build(), tmp_path / "out.folded"
    script = SCRIPT.replace("time.time() + 60", "time.time() + 1")
    done = subprocess.run(["sh", "-c", '(sleep 0.3; echo) | "$@"', "sh", str(PROJECT / "build/podflame"), "record",
                           "-r", "1000", "-o", str(out), "--", program, script, HOST],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {"left", "right"} <= set(truth.leaves(truth.parse_folded(out.read_text())))


def test_unpacked_and_deleted(build, run, tmp_path):
    """As PyInstaller does it: everything in a folder under /tmp, which is gone afterwards."""
    folder = tmp_path / "_MEI2f0a81"
    folder.mkdir()
    shutil.copy(HOST, folder)
    shutil.copy(build("-DLINKED", HOST), folder / "app")
    environment = {"LD_LIBRARY_PATH": str(folder)}
    if not HOST.startswith(str(DEBIAN)):
        environment["PYTHONHOME"] = str(pathlib.Path(HOST).parents[1])
    process = run(str(folder / "app"), SCRIPT, env=environment)
    expect(process, "ready")
    shutil.rmtree(folder)
    assert "(deleted)" in pathlib.Path("/proc/%d/maps" % process.pid).read_text()
    assert_runs_script(process)


@pytest.mark.pyenv
@pytest.mark.parametrize("others, runs", [
    (["-3.9"], "3.11"), (["-3.11"], "3.9"), (["-2.7", "-3.13"], "3.11"), (["-3.11"], "2.7")],
    ids=lambda value: "".join(value))
def test_several_of_which_one_is_started(build, run, others, runs):
    """The one in use is read, be it the first or the last that was loaded."""
    def path(text):
        return needs(tuple(map(int, text.lstrip("-").split("."))))

    words = ["-" * text.startswith("-") + path(text) for text in (*others, runs)]
    process = run(build(), SCRIPT, *words)
    for _ in words:
        expect(process, "waiting")
        go_on(process)
    expect(process, "ready")
    assert_runs_script(process)
    assert re.search(r"^Python %s\b" % re.escape(runs), podflame("dump", "-p", process.pid).stdout, re.M)


@pytest.mark.pyenv
def test_several_started(build, run):
    """Two interpreters, one of them at work: --abi names it, and without it no stack is wrong."""
    process = run(build(), SCRIPT, needs((3, 9)), needs((3, 11)))
    for _ in range(2):
        expect(process, "waiting")
        go_on(process)
    expect(process, "ready")
    assert_runs_script(process, "--abi", "3.11")
    stacks = truth.parse_folded(record("-p", process.pid, seconds=0.5))
    assert set(truth.leaves(stacks)) <= {"left", "right", "main", "(no Python frame)"}


def test_gdb(run, tmp_path):
    """An interpreter in a program that has one for its scripts."""
    if not shutil.which("gdb"):
        must_skip("gdb is missing")
    (tmp_path / "script.py").write_text(SCRIPT)
    process = run("gdb", "-nx", "-batch", "-x", str(tmp_path / "script.py"))
    eventually(lambda: "ready" in process.stdout.readline(), 30, "gdb runs its script")
    assert_runs_script(process)
