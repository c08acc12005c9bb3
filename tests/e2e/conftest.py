# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the Docker daemon, and programs to profile that end with the test."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import PROJECT, Unavailable, containers, daemon, images  # noqa: E402

import alone  # noqa: E402
import interpreters  # noqa: E402
from failures import Failures  # noqa: E402
from program import PODFLAME  # noqa: E402
from quick import is_quick  # noqa: E402
from skips import Skips, must_skip  # noqa: E402
from table import Table  # noqa: E402

WITH_TOOLS = ("test_manifests", "test_collectors", "test_pods")
TARGETS = PROJECT / "tests/targets"


def end_failed(exit_):
    """`with Popen` waits for its process, also for one that runs without end and whose test has just failed."""
    def end(process, kind, *error):
        if kind is not None:
            process.kill()
        exit_(process, kind, *error)
    return end


def pytest_configure(config):
    subprocess.Popen.__exit__ = end_failed(subprocess.Popen.__exit__)
    # A system call that an agent or a collector should not need ends it, and so the test.
    os.environ.setdefault("PODFLAME_CONFINE", "kill")
    # A test's own make is nobody's part: the jobs and the settings of the make that runs the tests are not for it.
    for name in ("MAKEFLAGS", "MAKELEVEL"):
        os.environ.pop(name, None)
    # Ended by SIGTERM, a run takes its containers with it as by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    config.pluginmanager.register(Table())
    config.pluginmanager.register(Skips())
    if not hasattr(config, "workerinput"):  # the process that others report to
        config.pluginmanager.register(Failures())
    config.addinivalue_line("markers", "pyenv: needs the further Pythons of a machine that has pyenv")
    config.addinivalue_line("markers", "tools: needs a program of tests/testbed/tools.py")
    config.addinivalue_line("markers", "free_threaded: needs a Python without the GIL")
    config.addinivalue_line("markers", "alone: no other test may run meanwhile")
    config.addinivalue_line("markers", "host_pids: PIDs have to be the machine's, as in no PID namespace of one's own")
    config.addinivalue_line("markers", "large: needs 2 GB of libraries, and runs only if it is asked for (-m large)")
    config.addinivalue_line("markers", "release: makes a release twice, and runs only if it is asked for (make test-release)")
    config.addinivalue_line("markers", "own_kernel: changes the kernel's settings, and runs only in a machine of its own")
    config.addinivalue_line("markers", "quick: one of those that make check runs")
    if getattr(config.option, "numprocesses", None) and config.option.markexpr != "quick":
        share_docker(config)


def share_docker(config):
    """One daemon for all processes of a parallel run, which find it in their environment."""
    stack = contextlib.ExitStack()
    with contextlib.suppress(Unavailable):
        docker = stack.enter_context(daemon.open_docker())
        if docker.host:
            os.environ["DOCKER_HOST"] = docker.host
    config.add_cleanup(stack.close)


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items):
    """In a parallel run, tests that share a fixture of their module stay together, unless they say with whom."""
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if not item.get_closest_marker("xdist_group") and any(f[-1].scope == "module" for f in fixtures):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
        if "pyenv" in item.name:
            item.add_marker("pyenv")
        if is_quick(item):
            item.add_marker("quick")
        if item.module.__name__ in WITH_TOOLS:
            item.add_marker("tools")
    # What takes minutes to build is built meanwhile.
    items.sort(key=lambda item: item.get_closest_marker("tools") is not None)


def pytest_runtest_setup(item):
    # PID namespaces have numbers for names, and the machine's is fixed: PROC_PID_INIT_INO, include/linux/proc_ns.h.
    if item.get_closest_marker("host_pids") and os.readlink("/proc/self/ns/pid") != "pid:[4026531836]":
        must_skip("the PIDs that runtimes note mean nothing in a PID namespace of one's own", debian=False)
    if item.get_closest_marker("large") and "large" not in item.config.option.markexpr:
        must_skip("it takes minutes to fetch what it needs: make e2e PYTEST='-m large'", debian=False)
    if item.get_closest_marker("release") and not os.environ.get("PODFLAME_RELEASE"):
        must_skip("it takes minutes to make a release twice: make test-release", debian=False)
    if item.get_closest_marker("own_kernel") and not os.environ.get("PODFLAME_OWN_KERNEL"):
        must_skip("it changes settings of the whole machine: make test-kernel", debian=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    with alone.turn(item.get_closest_marker("alone") is not None):
        yield


def pytest_sessionstart():
    if not os.access(PODFLAME, os.X_OK):
        pytest.exit("%s is missing: run make first" % PODFLAME, 1)
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests make containers: run them as root", 1)


@pytest.fixture(scope="session")
def docker():
    with contextlib.ExitStack() as stack:
        try:
            docker = stack.enter_context(daemon.open_docker())
        except Unavailable as e:
            must_skip(str(e))
        # Where podflame learns the names of containers from.
        os.environ["PODFLAME_DOCKER_ROOT"] = docker.root
        yield docker


@pytest.fixture
def start(request):
    """start(case, script, arguments…): a target that runs until the test ends."""
    with contextlib.ExitStack() as stack:
        def start(case, script, *arguments, **options):
            try:
                target = stack.enter_context(make(request, case, script, arguments, options))
            except Unavailable as e:
                must_skip(str(e))
            if script == "sleeper.py":  # it says that it is ready before it sleeps
                target.wait_until(target.sleeps, "sleep")
            return target
        yield start


@pytest.fixture
def script(tmp_path):
    """script(text): a Python program; returns its path."""
    made = []

    def script(text):
        made.append(tmp_path / ("program%d.py" % len(made)))
        made[-1].write_text(textwrap.dedent(text))
        return str(made[-1])
    return script


@pytest.fixture
def python_3_3(tmp_path):
    """A case whose version podflame does not support."""
    return interpreters.disguised(tmp_path, (3, 3))


def make(request, case, script, arguments, options):
    command = [*case.interpreter.command, script, *map(str, arguments)]
    if case.kind == "docker":
        docker = request.getfixturevalue("docker")
        return containers.Docker(docker, images.docker(docker, case.interpreter.suite), command, TARGETS, **options)
    if case.kind == "bare":
        return containers.Bare(case.interpreter.suite, command, TARGETS, **options)
    return containers.Host(command, TARGETS)
