# SPDX-License-Identifier: Apache-2.0
"""Interpreters in unusual files: the runtime is found by its symbols, not by names or paths."""

import os
import shutil
import struct
import subprocess

import pytest

import truth
from program import eventually, folded, podflame
from testbed import PROJECT

PYTHON = os.path.realpath("/usr/bin/python3")
SPLIT = str(PROJECT / "tests/targets/split.py")
E_SHOFF, E_SHNUM = 40, 60  # in an ELF64 header


def renamed(app):
    """No "python" in its name, like what PyInstaller and others unpack under /tmp."""
    return [app]


def through_the_loader(app):
    """The first file in the maps is ld.so."""
    return ["/lib64/ld-linux-x86-64.so.2", app]


def without_section_headers(app):
    with open(app, "r+b") as file:
        file.seek(E_SHOFF)
        file.write(struct.pack("<Q", 0))
        file.seek(E_SHNUM)
        file.write(struct.pack("<HH", 0, 0))
    return [app]


def leave(app):
    pass


def replace(app):
    """A newer file takes its place, as an upgrade does."""
    other = app + ".new"
    shutil.copy("/bin/true", other)
    os.rename(other, app)


@pytest.mark.parametrize("afterwards", [leave, os.unlink, replace], ids=["kept", "deleted", "replaced"])
@pytest.mark.parametrize("prepare", [renamed, through_the_loader, without_section_headers])
def test_found_by_symbols(tmp_path, prepare, afterwards):
    app = str(tmp_path / "service")
    shutil.copy(PYTHON, app)
    environment = dict(os.environ, PYTHONHOME="/usr")
    with subprocess.Popen([*prepare(app), SPLIT], stdout=subprocess.PIPE, text=True, env=environment) as target:
        try:
            assert target.stdout.readline() == "ready\n"
            afterwards(app)
            truth.assert_shares(truth.leaves(truth.parse_folded(folded("-p", target.pid, seconds=1))), truth.SPLIT)
            assert "split.py" in podflame("dump", "-p", target.pid).stdout
        finally:
            target.kill()


def test_a_static_and_stripped_one_is_refused_by_name(tmp_path):
    """Before 3.13 its runtime is in no section of its own. What is static and not called Python is no Python."""
    source = tmp_path / "wait.c"
    source.write_text("#include <unistd.h>\nint main(void) { return pause(); }\n")
    for name, said in (("python3.5", "it is python3.5, static and stripped"), ("other", "not a CPython process")):
        program = str(tmp_path / name)
        subprocess.run(["cc", "-static", "-s", "-o", program, str(source)], check=True)
        with subprocess.Popen([program]) as process:
            try:
                eventually(lambda: os.readlink("/proc/%d/exe" % process.pid) == program, 5, "the program runs")
                done = podflame("dump", "-p", process.pid)
            finally:
                process.kill()
        assert done.returncode == 1 and said in done.stderr
