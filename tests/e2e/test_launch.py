# SPDX-License-Identifier: Apache-2.0
"""podflame record -- COMMAND: the command as if podflame were not there, and all of it in the profile.

--subprocesses, of commands and of running targets, as well.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import time

import pytest

import truth
from interpreters import BOOKWORM, SUPPORTED_ON_HOST
from program import MARGIN_SECONDS, PODFLAME, Background, eventually, podflame
from skips import must_skip
from testbed import PROJECT

TARGETS = PROJECT / "tests/targets"
PYTHON = SUPPORTED_ON_HOST[0].command[0]
FAST = [PYTHON, "-I", "-S"]  # starts without looking for packages

# Works for so many seconds of CPU time: on a crowded machine it takes longer, and is sampled as often.
BUSY = """
import sys, time
def {name}(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        for _ in range(1000):
            pass
"""


@pytest.fixture
def run(tmp_path):
    """run(command…, options=[…]): what podflame returned, and the stacks that it wrote."""
    def run(*command, options=(), rate=1000, **more):
        file = tmp_path / "out.folded"
        done = podflame("record", "-o", file, "-r", rate, *options, "--", *command, **more)
        return done, truth.parse_folded(file.read_text()) if file.exists() else None
    return run


def busy(name, seconds):
    return BUSY.format(name=name) + "%s(%g)\n" % (name, seconds)


def samples_in(stacks, name):
    return sum(count for frames, count in stacks if name in (frame.name for frame in frames))


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return file.read().split()


def processes(stacks):
    """{pid: samples} of a recording of several processes."""
    found = truth.Counter()
    for frames, count in stacks:
        found[int(re.search(r"\(pid (\d+)\)$", frames[0].name)[1])] += count
    return found


# ---- the command is what it would be without us ---------------------------------------------


@pytest.mark.parametrize("interpreter", SUPPORTED_ON_HOST, ids=str)
def test_command_is_sampled_and_its_status_passed_on(run, interpreter):
    done, stacks = run(*interpreter.command, TARGETS / "exits.py", "0.6", "exit")
    assert done.returncode == 3
    assert done.stdout == "ready\n"
    assert samples_in(stacks, "work") > 50


@pytest.mark.parametrize("way, status", [
    ("return", 0), ("abort", 128 + signal.SIGABRT), ("kill", 128 + signal.SIGKILL)])
def test_status(run, way, status):
    done, stacks = run(*FAST, "-c", busy("work", 0.2) + "import os; os.%s" % {
        "return": "getpid()", "abort": "abort()", "kill": "kill(os.getpid(), 9)"}[way])
    assert done.returncode == status, done.stderr
    assert samples_in(stacks, "work") > 10


def test_status_where_threads_are_stopped(tmp_path):
    """The blocking engine traces the command, whose exit it must not swallow."""
    for attempt in range(5):
        done = podflame("record", "--blocking", "-r", 1000, "-o", tmp_path / "out", "--", *FAST, "-c",
                        busy("work", 0.2) + "import os; os._exit(9)")
        assert done.returncode == 9, done.stderr


@pytest.mark.parametrize("command, status, word", [
    (["/no/such/command"], 127, "No such file"), (["no-such-command"], 127, "No such file"),
    (["/etc/passwd"], 126, "Permission denied"), (["/"], 126, "Permission denied"),
])
def test_command_that_cannot_be_run(run, command, status, word):
    done, stacks = run(*command)
    assert done.returncode == status and done.stdout == ""
    assert done.stderr.count("\n") == 1 and command[0] in done.stderr and word in done.stderr
    assert stacks is None, "an empty file was left behind"


def test_streams_are_the_commands(tmp_path):
    code = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('aside'); sum(range(10 ** 7))"
    done = subprocess.run([PODFLAME, "record", "-q", "-o", str(tmp_path / "x"), "--", *FAST, "-c", code],
                          input="through", capture_output=True, text=True, timeout=MARGIN_SECONDS)
    assert (done.returncode, done.stdout) == (0, "THROUGH")
    assert done.stderr.startswith("aside")


def signal_state(text):
    """{"SigBlk": mask...} without the C library's own 32 and 33, which posix_spawn(3) of glibc sets to be ignored."""
    return {line.split(":")[0]: int(line.split()[1], 16) & ~(3 << 31) for line in text.splitlines()}


def test_signal_state_is_the_commands(tmp_path):
    """Neither the signals that we wait for nor the one that we ignore are the command's."""
    command = ["grep", "^Sig[BI]", "/proc/self/status"]
    plain = subprocess.run(command, capture_output=True, text=True)
    done = subprocess.run([PODFLAME, "record", "-o", str(tmp_path / "x"), "--", *command], capture_output=True,
                          text=True, timeout=MARGIN_SECONDS)
    assert signal_state(done.stdout) == signal_state(plain.stdout)  # whatever the tests themselves were started with


COUNTER = BUSY.format(name="work") + """
import signal
counts = {}
def count(number, frame):
    counts[number] = counts.get(number, 0) + 1
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, count)
print("ready", flush=True)
end = time.time() + 20
while not counts and time.time() < end:
    work(0.05)
work(0.3)
print(counts, flush=True)
sys.exit(5)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1],
                         ids=lambda number: number.name)
def test_signal_is_passed_on_once(script, tmp_path, number):
    file = tmp_path / "out.folded"
    with Background(tmp_path / "run", "record", "-o", file, "-r", 1000, "--", *FAST, script(COUNTER)) as recording:
        eventually(lambda: "ready" in recording.stdout, 10, "the program starts")
        recording.process.send_signal(number)
        assert recording.process.wait(MARGIN_SECONDS) == 5
        assert "{%d: 1}" % number in recording.stdout
    assert samples_in(truth.parse_folded(file.read_text()), "work") > 50


def test_signal_that_kills_the_command(script, tmp_path):
    file = tmp_path / "out.folded"
    with Background(tmp_path / "run", "record", "-o", file, "-r", 1000, "--", *FAST,
                    script("print('ready', flush=True)\n" + busy("work", 30))) as recording:
        eventually(lambda: "ready" in recording.stdout, 10, "the program starts")
        time.sleep(0.3)
        recording.process.terminate()
        assert recording.process.wait(MARGIN_SECONDS) == 128 + signal.SIGTERM
    assert samples_in(truth.parse_folded(file.read_text()), "work") > 5


def talk(fd, cue, answer):
    """Reads a terminal to its end; types @answer once @cue has come."""
    text = b""
    while True:
        try:
            got = os.read(fd, 4096)
        except OSError:  # the last one has closed it
            return text.decode()
        before, text = text, text + got
        if cue in text and cue not in before:
            os.write(fd, answer)


def test_status_where_children_are_ignored(tmp_path):
    """A parent that ignores SIGCHLD hands that down, and then the kernel keeps no status."""
    done = subprocess.run([PODFLAME, "record", "-o", str(tmp_path / "x"), "--", "sh", "-c", "exit 6"],
                          capture_output=True, timeout=MARGIN_SECONDS,
                          preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 6


def test_terminals_interrupt_reaches_the_command_once(script, tmp_path):
    program, file = script(COUNTER), tmp_path / "out.folded"
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(PODFLAME, [PODFLAME, "record", "-o", str(file), "--", *FAST, program])
    text = talk(fd, b"ready", b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    assert os.waitstatus_to_exitcode(status) == 5, text
    assert "{2: 1}" in text
    assert file.exists()


# ---- which program, from when, until when -----------------------------------------------------


def test_execs_are_followed(run, tmp_path, script):
    shell = tmp_path / "start.sh"
    shell.write_text("#!/bin/sh\nsleep 0.3\nexec env WORD=1 %s %s\n" % (" ".join(FAST), script(busy("work", 0.5))))
    shell.chmod(0o755)
    done, stacks = run(shell)
    assert done.returncode == 0
    assert samples_in(stacks, "work") > 50


def test_version_can_be_forced(run, script):
    interpreter = SUPPORTED_ON_HOST[0]
    done, stacks = run(*FAST, script(busy("work", 0.3)), options=["--abi", "%d.%d" % interpreter.version])
    assert done.returncode == 0, done.stderr
    assert samples_in(stacks, "work") > 20


def test_python_that_becomes_another_python(run, script):
    second = script(busy("second", 0.4))
    first = script(busy("first", 0.4) + "import os; os.execv(%r, %r)\n" % (PYTHON, [*FAST, second]))
    done, stacks = run(*FAST, first)
    assert done.returncode == 0
    assert samples_in(stacks, "first") > 50 and samples_in(stacks, "second") > 50
    assert "2 processes" in done.stderr


def test_first_sample_comes_before_the_program_begins(tmp_path):
    """From exec to being a target in 20 ms, and before its first line: in the best of some runs."""
    shell = tmp_path / "start.sh"
    code = "import time; t = time.time_ns(); open(%r, 'w').write(str(t))\n" % str(tmp_path / "first")
    (tmp_path / "code.py").write_text(code + busy("work", 0.05))
    shell.write_text("#!/bin/sh\ndate +%%s%%N >%s\nexec %s %s\n" % (
        tmp_path / "exec", " ".join(FAST), tmp_path / "code.py"))
    shell.chmod(0o755)
    waits, leads = [], []
    for _ in range(7):
        file = tmp_path / "out.json"
        assert podflame("record", "-f", "otlp", "-o", file, "--", shell).returncode == 0
        begin = int(re.search(r'"timeUnixNano": ?"(\d+)"', file.read_text())[1])
        waits.append((begin - int((tmp_path / "exec").read_text())) / 1e6)
        leads.append((int((tmp_path / "first").read_text()) - begin) / 1e6)
    assert min(waits) <= 20, waits
    assert max(leads) > 0, leads


def test_duration_ends_the_recording_not_the_command(script, tmp_path):
    file = tmp_path / "out.folded"
    with Background(tmp_path / "run", "record", "-o", file, "-r", 1000, "-d", 0.5, "--", *FAST,
                    script(busy("work", 2) + "sys.exit(9)")) as recording:
        eventually(lambda: file.exists() and file.stat().st_size > 0, 10, "the profile is written")
        assert recording.process.poll() is None, "the command still runs"
        assert recording.process.wait(MARGIN_SECONDS) == 9
    assert 0 < samples_in(truth.parse_folded(file.read_text()), "work") <= 600


def test_no_python(run):
    done, stacks = run("sh", "-c", "echo out; exit 0")
    assert (done.returncode, done.stdout, stacks) == (1, "out\n", None)
    assert "nothing was recorded" in done.stderr and "--subprocesses" in done.stderr
    done, stacks = run("sh", "-c", "exit 42", options=["-s"])
    assert (done.returncode, stacks) == (42, None)
    assert "nothing was recorded" in done.stderr


def test_no_python_leaves_an_older_result_alone(tmp_path):
    file = tmp_path / "out.folded"
    file.write_text("older\n")
    assert podflame("record", "-o", file, "--", "true").returncode == 1
    assert file.read_text() == "older\n"


@pytest.mark.parametrize("arguments, words", [
    (["--", "true"], ["-o"]),
    (["-p", "1", "-o", "x", "--", "true"], ["either"]),
    (["-c", "web", "-o", "x", "--", "true"], ["either"]),
    (["-o", "x", "true"], ["'true'", "--"]),
    (["-o", "x", "--"], ["-p", "-c"]),
    (["--abi", "29", "-o", "x", "--", "true"], ["--abi", "'29'", "311"]),
], ids=" ".join)
def test_wrong_usage(arguments, words, tmp_path):
    done = podflame("record", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert all(word in done.stderr for word in words), done.stderr
    assert not list(tmp_path.iterdir())


def test_output_not_writable_is_found_before_the_command_runs(tmp_path):
    done = podflame("record", "-o", tmp_path / "no/such/folder", "--", "touch", tmp_path / "ran")
    assert done.returncode == 1 and "cannot be written" in done.stderr
    assert not (tmp_path / "ran").exists()


# ---- --subprocesses -----------------------------------------------------------------------------


def test_subprocesses_of_a_command(run, script):
    work = script(busy("work", 0.6))
    done, stacks = run("sh", "-c", "%s & %s & wait; exit 4" % (2 * (" ".join([*FAST, work]),)), options=["-s"])
    assert done.returncode == 4
    found = processes(stacks)
    assert len(found) == 2 and all(count > 20 for count in found.values()), found


FORKING = BUSY.format(name="child") + BUSY.format(name="parent") + """
import os, multiprocessing
if __name__ == "__main__":
    print("ready", flush=True)
    time.sleep({delay})
    context = multiprocessing.get_context("{method}")
    workers = [context.Process(target=child, args=(0.5,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    parent(0.5)
    for worker in workers:
        worker.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(run, script, method):
    done, stacks = run(PYTHON, script(FORKING.format(delay=0, method=method)), options=["-s"])
    assert done.returncode == 0, done.stderr
    assert len(processes([(f, c) for f, c in stacks if "child" in (frame.name for frame in f)])) == 2
    assert len(processes([(f, c) for f, c in stacks if "parent" in (frame.name for frame in f)])) == 1


def test_children_that_live_for_a_moment(run, script):
    """The kernel tells of births: a child of 30 ms is seen, and most of it."""
    code = BUSY.format(name="child") + """
import os
for _ in range(20):
    if os.fork() == 0:
        child(0.03)
        os._exit(0)
    os.wait()
"""
    done, stacks = run(*FAST, script(code), options=["-s", "-v"])
    if "perf tick" not in done.stderr:
        must_skip("the kernel tells nobody of births here: " + done.stderr)
    found = processes([(frames, count) for frames, count in stacks if "child" in (frame.name for frame in frames)])
    assert len(found) >= 19 and sum(found.values()) > 0.5 * 20 * 30, found


def test_no_tick_counts_twice(run, script):
    """A child is a target of its own and a child of one: its second on a CPU is counted once."""
    code = "import os\npid = os.fork()\n" + BUSY.format(name="child") + """
if pid == 0:
    child(1)
else:
    os.wait()
"""
    _, stacks = run(*FAST, script(code), options=["-s"])
    assert 500 < samples_in(stacks, "child") < 1.3 * 1000


def test_orphans_of_a_command(run, script, tmp_path):
    work = script(busy("work", 0.7))
    done, stacks = run("sh", "-c", "((%s; touch done) &) ; until test -e done; do sleep 0.05; done" % (
        " ".join([*FAST, work])), options=["-s"], cwd=tmp_path)
    assert done.returncode == 0
    assert samples_in(stacks, "work") > 30


def test_subprocesses_of_a_running_process(script, tmp_path):
    program, stranger = script(FORKING.format(delay=0.5, method="fork")), script(busy("stranger", 10))
    file = tmp_path / "out.folded"
    with subprocess.Popen([*FAST, stranger]) as other, subprocess.Popen([PYTHON, program],
                                                                       stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout.readline() == b"ready\n"
            done = podflame("record", "-p", target.pid, "-s", "-d", 60, "-r", 1000, "-o", file, timeout=90)
            assert done.returncode == 0, done.stderr
            assert done.seconds < 50, "it ends with the last of them"
        finally:
            target.kill()
            other.kill()
    stacks = truth.parse_folded(file.read_text())
    assert samples_in(stacks, "child") > 50 and samples_in(stacks, "parent") > 20
    assert samples_in(stacks, "stranger") == 0
    assert len(processes(stacks)) == 3


def test_children_that_are_there_already(script, tmp_path):
    program = script(FORKING.format(delay=0, method="fork"))
    with subprocess.Popen([PYTHON, program], stdout=subprocess.PIPE) as target:
        target.stdout.readline()
        eventually(lambda: len(children(target.pid)) == 2, 10, "they are born")
        done = podflame("record", "-p", target.pid, "-s", "-d", 2, "-r", 1000, "-o", tmp_path / "x.folded")
        target.kill()
    assert done.returncode == 0, done.stderr
    assert "3 processes" in done.stderr


def test_without_it_children_are_left_alone(run, script):
    done, stacks = run(PYTHON, script(FORKING.format(delay=0, method="fork")))
    assert done.returncode == 0
    assert samples_in(stacks, "child") == 0 and samples_in(stacks, "parent") > 20


def test_newcomers_of_a_container(start, docker, tmp_path):
    target = start(BOOKWORM, "sleeper.py")
    neighbour = start(BOOKWORM, "split.py")
    with Background(tmp_path / "run", "record", "-c", target.name, "-s", "-d", 4, "-r", 1000) as recording:
        time.sleep(1)
        docker.call("exec", "--detach", target.id, "python3", "/app/exits.py", "1.5")
        assert recording.process.wait(MARGIN_SECONDS) == 0, recording.stderr
        stacks = truth.parse_folded(recording.stdout)
    assert samples_in(stacks, "work") > 50
    assert not any(samples_in(stacks, name) for name in truth.SPLIT)
    assert target.alive() and neighbour.alive()


def test_unreadable_child_is_named(tmp_path, script):
    """A child that is no CPython we know of does no harm to the others."""
    fake = tmp_path / "python3"
    shutil.copy("/bin/sleep", fake)
    file = tmp_path / "out.folded"
    done = podflame("record", "-o", file, "-s", "--", "sh", "-c", "%s 0.5 & %s" % (
        fake, " ".join([*FAST, script(busy("work", 0.6))])))
    assert done.returncode == 0, done.stderr
    assert samples_in(truth.parse_folded(file.read_text()), "work") > 5


def test_help_says_how():
    done = podflame("record", "-h")
    assert "-- COMMAND" in done.stdout and "--subprocesses" in done.stdout and "exit status" in done.stdout
