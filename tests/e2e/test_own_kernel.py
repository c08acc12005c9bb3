# SPDX-License-Identifier: Apache-2.0
"""What Debian's own kernel, Yama and AppArmor refuse, and what podflame says of it: README's table of privileges, row by
row. Changes the kernel's settings, so it runs only in a machine of its own: make test-kernel."""

import contextlib
import os
import pathlib
import subprocess
import sys

import pytest

from hostile import ORDINARY
from interpreters import BARE_BOOKWORM
from program import MARGIN_SECONDS, podflame
from test_confinement import CAPABILITIES, restricted
from test_doctor import checks, doctor
from testbed import PROJECT

pytestmark = pytest.mark.own_kernel

SLEEPER = PROJECT / "tests/targets/sleeper.py"
PARANOID, YAMA = "kernel/perf_event_paranoid", "kernel/yama/ptrace_scope"
WITH_THE_FOUR = restricted(CAPABILITIES)


@contextlib.contextmanager
def sysctl(name, value):
    file = pathlib.Path("/proc/sys", name)
    before = file.read_text()
    file.write_text(str(value))
    try:
        yield
    finally:
        file.write_text(before)


@pytest.fixture
def target(start):
    return start(BARE_BOOKWORM, "split.py")


def examined(wrap=()):
    return checks(doctor(wrap=wrap))


def engine(target, wrap=()):
    done = podflame("record", "-v", "-d", 1, "-p", target.pid, "-o", "/dev/null", wrap=wrap)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "engine:" in line]
    return line


@contextlib.contextmanager
def python_of_nobody():
    """A Python of an ordinary user on the host, and its pid."""
    with subprocess.Popen([*ORDINARY, "/usr/bin/python3", str(SLEEPER)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_the_level_is_the_default_of_debian():
    assert pathlib.Path("/proc/sys", PARANOID).read_text().strip() == "3"
    assert "debian" in os.uname().version.lower()


def test_root_has_the_perf_tick_at_every_level(target):
    for level in (3, 2):
        with sysctl(PARANOID, level):
            assert "engine: perf tick on" in engine(target)
            assert examined()["CAP_PERFMON"]["verdict"] == "ok"


def test_the_four_have_it_at_level_2_only(target):
    row = examined(WITH_THE_FOUR)["CAP_PERFMON"]
    assert row["verdict"] == "less" and "sysctl kernel.perf_event_paranoid=2" in row["grant"], row
    line = engine(target, WITH_THE_FOUR)
    assert "timer tick" in line and "CAP_SYS_ADMIN" in line
    with sysctl(PARANOID, 2):
        assert examined(WITH_THE_FOUR)["CAP_PERFMON"]["verdict"] == "ok"
        assert "engine: perf tick on" in engine(target, WITH_THE_FOUR)


@pytest.mark.parametrize("scope, readable", [(0, True), (1, False), (2, False)])
def test_yama_and_one_s_own_processes(scope, readable):
    with sysctl(YAMA, scope), python_of_nobody() as pid:
        done = podflame("dump", "-p", pid, wrap=ORDINARY)
        assert (done.returncode == 0) == readable, done.stderr
        if not readable:
            assert "kernel.yama.ptrace_scope is %d" % scope in done.stderr, done.stderr
            assert "kernel.yama.ptrace_scope is %d" % scope in examined(ORDINARY)["Yama"]["state"]
        assert podflame("dump", "-p", pid).returncode == 0, "root may, at each of these"


# What Docker's and containerd's default profiles say of others' memory: read only that of the same profile.
PROFILE = """
profile podflame-test flags=(attach_disconnected,mediate_deleted) {
  network, capability, file, mount, umount, signal, unix, dbus,
  ptrace (trace,read,tracedby,readby) peer=podflame-test,
}
"""


@pytest.fixture
def confined(tmp_path):
    """A prefix that runs a program under that profile."""
    file = tmp_path / "profile"
    file.write_text(PROFILE)
    subprocess.run(["apparmor_parser", "--replace", file], check=True)
    code = "import os, sys; open('/proc/self/attr/exec', 'w').write('exec podflame-test'); os.execvp(sys.argv[1], sys.argv[1:])"
    yield [sys.executable, "-c", code]
    subprocess.run(["apparmor_parser", "--remove", file], check=True)


def test_apparmor_keeps_other_profiles_closed(confined, target):
    row = examined(confined)["AppArmor, SELinux"]
    assert row["verdict"] != "ok" and "podflame-test" in row["state"], row
    done = podflame("dump", "-p", target.pid, wrap=confined)
    assert done.returncode == 1 and "AppArmor" in done.stderr, done.stderr
    assert podflame("dump", "-p", target.pid).returncode == 0


def test_apparmor_opens_what_is_of_the_same_profile(confined):
    with subprocess.Popen([*confined, "/usr/bin/python3", str(SLEEPER)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = podflame("dump", "-p", process.pid, wrap=confined)
        process.kill()
    assert done.returncode == 0, done.stderr


def test_yama_that_is_locked_shields_all(target):
    """The last of this file: scope 3 stays until the machine starts anew."""
    pathlib.Path("/proc/sys", YAMA).write_text("3")
    done = podflame("dump", "-p", target.pid, timeout=MARGIN_SECONDS)
    assert done.returncode == 1 and "kernel.yama.ptrace_scope is 3" in done.stderr, done.stderr
    assert "3" in examined()["Yama"]["state"]
