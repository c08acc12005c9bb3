# SPDX-License-Identifier: Apache-2.0
"""podflame agent of a user who may read nothing, of one who may read some, and with rules that leave most alone."""

import contextlib
import shutil
import subprocess

import pytest

import interpreters
from collector import silent_port
from program import MARGIN_SECONDS, PODFLAME, Background, eventually

HOST = interpreters.Case(interpreters.ON_HOST[0], "host")


def as_user(uid):
    """Runs a command as a user who has no process here but those of one test: another's would change what is certain."""
    return ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]


AS_NOBODY_ELSE, AS_USER = as_user(64923), as_user(64924)


@pytest.fixture
def program(tmp_path):
    """podflame where every user can run it."""
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    return shutil.copy(PODFLAME, tmp_path / "podflame")


def test_a_user_who_may_read_nothing(start, program):
    start(HOST, "sleeper.py")
    with silent_port() as port:
        done = subprocess.run([*AS_NOBODY_ELSE, program, "agent", "--collector", "http://127.0.0.1:%d" % port],
                              capture_output=True, text=True, timeout=MARGIN_SECONDS)
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert "nothing can be profiled: CAP_SYS_PTRACE is missing" in last and last.endswith("; see podflame doctor")


@pytest.fixture
def begin():
    """begin(command, options…): a process that is killed when the test ends."""
    with contextlib.ExitStack() as stack:
        def begin(*command, **options):
            process = stack.enter_context(subprocess.Popen(command, **options))
            stack.callback(process.kill)
            return process
        yield begin


def test_a_user_who_has_a_process(start, begin, program, tmp_path):
    """It may be the next one that is Python, and that one can be read."""
    start(HOST, "sleeper.py")
    begin(*AS_USER, "sleep", "600")
    log = tmp_path / "log"
    with silent_port() as port, open(log, "w") as err:
        agent = begin(*AS_USER, program, "agent", "--collector", "http://127.0.0.1:%d" % port, stderr=err)
        eventually(lambda: "not profilable" in log.read_text(), 20, log.read_text)
        later = begin(*AS_USER, "/usr/bin/python3", "-c", "while True: pass")
        eventually(lambda: "process %d: Python 3" % later.pid in log.read_text(), 20, log.read_text)
        agent.terminate()
        assert agent.wait(MARGIN_SECONDS) == 0, log.read_text()


def test_processes_that_are_not_selected_are_counted(start, tmp_path):
    [start(HOST, "sleeper.py") for _ in range(3)]
    with silent_port() as port, Background(tmp_path / "run", "agent", "--collector", "http://127.0.0.1:%d" % port,
                                           "--select", "pid=1") as running:
        eventually(lambda: "processes are not selected" in running.stderr, 20, lambda: running.stderr)
        assert running.stderr.count("not selected: no rule matches") <= 1, running.stderr
        assert running.interrupt() == 0
