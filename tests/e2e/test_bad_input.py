# SPDX-License-Identifier: Apache-2.0
"""Bad input gets a clear sentence with the remedy: status 1, or 2 for wrong usage."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

import interpreters
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import MARGIN_SECONDS, PODFLAME, Background, eventually, podflame

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]


def refused(done, *words, status=1):
    """Checks a refusal: its status, nothing on stdout, one short message with these words."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("podflame")
    for word in words:
        assert str(word).lower() in done.stderr.lower(), "%r does not name %r" % (done.stderr, word)


@pytest.fixture
def sleep():
    """A process that is not Python."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def free_pid():
    return next(pid for pid in range(4000000, 4000, -1) if not os.path.exists("/proc/%d" % pid))


@pytest.mark.parametrize("command", ["record", "top", "gil", "dump"])
def test_no_such_process(command):
    pid = free_pid()
    refused(podflame(command, "-p", pid), "no such process", pid)


@pytest.mark.parametrize("command", ["record", "dump"])
def test_process_that_has_ended(command):
    """A zombie: its pid is there, the process has gone."""
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    refused(podflame(command, "-p", process.pid), process.pid, "no such process")
    process.wait()


@pytest.mark.parametrize("command", ["record", "top", "gil", "dump"])
def test_not_python(command, sleep):
    refused(podflame(command, "-p", sleep.pid), sleep.pid, "not", "Python process")


@pytest.mark.parametrize("command", ["record", "dump"])
def test_unsupported_version_is_named(start, python_3_3, command):
    target = start(python_3_3, "sleeper.py")
    refused(podflame(command, "-p", target.pid), "3.3", "supported")
    assert target.alive()


HOST = interpreters.Case(interpreters.ON_HOST[0], "host")


# Root without the capability may read what has no more than itself, as a container
# has: it is a privileged process that is refused to it.
@pytest.mark.parametrize("case, wrap", [(HOST, WITHOUT_PTRACE), (BOOKWORM, NOBODY), (BARE_BOOKWORM, NOBODY)],
                         ids=["host-root", "docker-nobody", "bare-nobody"])
def test_permission_refused(start, tmp_path, case, wrap):
    target = start(case, "sleeper.py")
    program = shutil.copy(PODFLAME, tmp_path / "podflame")
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([*wrap, program, "record", "-p", str(target.pid), "-d", "1"], capture_output=True, text=True,
                          timeout=30)
    refused(done, "CAP_SYS_PTRACE", target.pid)
    assert "setcap" in done.stderr or "sudo" in done.stderr or "root" in done.stderr
    assert target.alive()


@pytest.fixture
def yama():
    """Yama's strictest scope that can be taken back."""
    setting = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    if not setting.exists():
        pytest.skip("this kernel is built without Yama; no package can provide it")
    before = setting.read_text()
    setting.write_text("2")
    yield
    setting.write_text(before)


def test_yama_is_named(start, yama):
    target = start(HOST, "sleeper.py")
    done = subprocess.run([*WITHOUT_PTRACE, PODFLAME, "record", "-p", str(target.pid)], capture_output=True, text=True)
    refused(done, "Yama", "ptrace_scope")


def test_unknown_container_lists_those_there_are(start):
    target = start(BOOKWORM, "sleeper.py")
    refused(podflame("record", "-c", "no-such-container"), "no-such-container", target.name)


def test_ambiguous_container_lists_the_candidates(start):
    ids = ["c0ffee%058x" % i for i in (1, 2)]
    for id in ids:
        start(BARE_BOOKWORM, "sleeper.py", id=id)
    refused(podflame("record", "-c", "c0ffee"), "c0ffee", "any of these", *(id[:12] for id in ids))


def test_output_not_writable_is_found_at_once(start):
    target = start(BOOKWORM, "split.py")
    done = podflame("record", "-p", target.pid, "-d", 20, "-o", "/nonexistent/folder/x.html")
    refused(done, "/nonexistent/folder/x.html", "no such file or directory")
    assert done.seconds < 5


def test_output_that_is_a_folder(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    done = podflame("record", "-p", target.pid, "-d", 20, "-f", "folded", "-o", tmp_path)
    refused(done, tmp_path, "directory")
    assert done.seconds < 5


def test_collector_port_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        refused(podflame("collector", "--listen", address, "--data", tmp_path), address, "--listen")


@pytest.mark.parametrize("address, token, warned", [("0.0.0.0", False, True), ("0.0.0.0", True, False),
                                                    ("127.0.0.1", False, False)])
def test_collector_that_is_open_to_all(tmp_path, address, token, warned):
    (tmp_path / "token").write_text("secret\n")
    options = ["--token-file", tmp_path / "token"] if token else []
    with Background(tmp_path / "run", "collector", "-l", address + ":0", *options) as collector:
        eventually(lambda: "collector: http://" in collector.stderr, 10, lambda: collector.stderr)
        assert collector.interrupt() == 0
        assert collector.stderr.count("anybody on the network") == warned == collector.stderr.count("--token-file")


def test_collector_data_cannot_be_kept(tmp_path):
    (tmp_path / "file").write_text("")
    refused(podflame("collector", "--listen", "127.0.0.1:0", "--data", tmp_path / "file/below"), tmp_path)


@pytest.mark.parametrize("arguments, words", [
    (["no-such-command"], ["no-such-command"]),
    (["record"], ["-p", "-c"]),
    (["record", "--no-such-option"], ["--no-such-option"]),
    (["record", "-p"], ["-p"]),
    (["record", "-p", "abc"], ["abc"]),
    (["record", "-p", "-5"], ["-5"]),
    (["record", "-p", "99999999999999999999"], ["99999999999999999999"]),
    (["record", "-p", "1", "-d", "0"], ["'0'"]),
    (["record", "-p", "1", "-d", "soon"], ["soon"]),
    (["record", "-p", "1", "-r", "0"], ["1", "20000"]),
    (["record", "-p", "1", "-r", "20001"], ["1", "20000"]),
    (["record", "-p", "1", "-m", "cup"], ["cup", "cpu", "wall", "gil"]),
    (["record", "-p", "1", "-f", "jpeg"], ["jpeg", "-h"]),
    (["dump"], ["-p"]),
    (["agent", "--window", "0s", "--collector", "http://127.0.0.1:1"], ["--window"]),
    (["agent", "--collector", "gopher://127.0.0.1"], ["gopher", "http"]),
    (["collector", "--listen", "nonsense"], ["nonsense"]),
    (["collector", "-l", "127.0.0.1:99999"], ["--listen", "99999", "65535"]),
    (["agent", "-l", "127.0.0.1:65536"], ["--listen", "65536", "65535"]),
    (["agent", "--collector", "http://127.0.0.1:99999"], ["--collector", "99999", "65535"]),
    (["agent", "--collector", "http://127.0.0.1:0"], ["--collector", "127.0.0.1:0", "65535"]),
    (["agent", "--kubelet", "https://127.0.0.1:99999"], ["--kubelet", "99999", "65535"]),
    (["agent", "--proxy", "http://127.0.0.1:0"], ["the proxy is not a URL"]),
    (["record", "23490"], ["did you mean -p 23490?"]),
    (["top", "23490"], ["did you mean -p 23490?"]),
    (["dump", "23490"], ["did you mean -p 23490?"]),
    (["doctor", "23490"], ["did you mean -p 23490?"]),
    (["gil", "23490"], ["did you mean -p 23490?"]),
    (["top", "web"], ["did you mean -c web?"]),
    (["record", "web"], ["did you mean -c web?", "a command is told by -- before it"]),
    (["dump", "shop/web-0"], ["did you mean --pod shop/web-0?"]),
    (["record", "./app.py"], ["'./app.py' is not an option; a command is told by -- before it"]),
    (["ps", "web"], ["'web' is not an option;"]),
    (["record", "python3"], ["python3", "--"]),
    (["help", "no-such-command"], ["no-such-command", "podflame -h"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_wrong_usage(arguments, words):
    refused(podflame(*arguments), *words, status=2)


def test_no_command_at_all():
    done = podflame()
    assert done.returncode == 2 and done.stdout == ""
    assert all(command in done.stderr for command in ("record", "dump", "ps", "agent", "collector"))


@pytest.mark.parametrize("command", ["record", "top", "gil", "dump", "ps", "agent", "collector"])
def test_help(command):
    done = podflame(command, "-h")
    assert done.returncode == 0 and done.stderr == ""
    assert "podflame " + command in done.stdout


def test_help_is_a_word_too():
    assert podflame("help").stdout == podflame("-h").stdout != ""
    for command in ("record", "collector"):
        done = podflame("help", command)
        assert done.returncode == 0 and done.stderr == "" and done.stdout == podflame(command, "-h").stdout


def test_version():
    wanted = podflame("--version")
    assert wanted.returncode == 0 and wanted.stdout.startswith("podflame ")
    for word in ("-V", "-v"):
        done = podflame(word)
        assert done.returncode == 0 and done.stdout == wanted.stdout


def test_broken_pipe_is_no_crash(start):
    target = start(BOOKWORM, "grammar.py")
    with subprocess.Popen([PODFLAME, "record", "-p", str(target.pid), "-d", "1", "-r", "5000"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        time.sleep(0.1)
        assert process.wait(MARGIN_SECONDS) in (1, -signal.SIGPIPE), process.stderr.read()
