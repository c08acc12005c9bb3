# SPDX-License-Identifier: Apache-2.0
"""Called as pyflame: Pyflame's own tests, by its names, then its FAQ, then what it did wrong.

"Clean" means what it meant there: nothing on stderr, status 0, every line once and a
stack with its count.
"""

import functools
import os
import pathlib
import re
import signal
import subprocess
import textwrap
import time
from collections import Counter

import pytest

from interpreters import BARE_BOOKWORM, BOOKWORM, SUPPORTED_ON_HOST
from program import MARGIN_SECONDS, PODFLAME, eventually, keeps_the_gil
from test_engine import is_pending
from testbed import PROJECT, images

TARGETS = PROJECT / "tests/targets"
PYTHON = [i for i in SUPPORTED_ON_HOST if i.version >= (3,)][-1]
# The oldest, one in between and the newest: what differs between versions is tested elsewhere.
SOME = sorted({SUPPORTED_ON_HOST[0], SUPPORTED_ON_HOST[len(SUPPORTED_ON_HOST) // 2], SUPPORTED_ON_HOST[-1]},
              key=lambda interpreter: interpreter.version)
ON_ALL = pytest.mark.parametrize("python", SOME, ids=str)
ON_ONE = pytest.mark.parametrize("python", [PYTHON], ids=str)

# What the compiler adds, such as the making of cells or a clean-up, has no line: see lacks_a_line().
STACK = re.compile(r"((?:[^:;]+:[^:;]+(?::\d+)?)(?:;[^:;]+:[^:;]+(?::\d+)?)*) (\d+)")
WITHOUT_LINES = re.compile(r"((?:[^:;]+:[^:;]+)(?:;[^:;]+:[^:;]+)*) (\d+)")
MOMENT = re.compile(r"(?:[^:;]+:[^:;]+(?::\d+)?;)+")
IDLE = re.compile(r"\(idle\) (\d+)")


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The link that `make install` makes."""
    link = tmp_path_factory.mktemp("bin") / "pyflame"
    link.symlink_to(pathlib.Path(PODFLAME).resolve())
    return str(link)


@pytest.fixture
def pyflame(program):
    def pyflame(*arguments, timeout=MARGIN_SECONDS, wrap=(), **options):
        command = [str(word) for word in (*wrap, program, *arguments)]
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout,
                              **options)
        done.seconds = time.monotonic() - begin
        return done
    return pyflame


@pytest.fixture
def target(tmp_path):
    """target(interpreter, script, arguments…): a running process that has printed "ready"."""
    processes = []

    def target(interpreter, script, *arguments):
        command = [*interpreter.command, str(script), *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert processes[-1].stdout.readline() == b"ready\n"
        return processes[-1]
    yield target
    for process in processes:
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.fixture
def script(tmp_path):
    """script(text, name): a program in a file."""
    def script(text, name="program.py"):
        path = tmp_path / name
        path.write_text("# coding: utf-8\nimport os, sys, threading, time\n" + textwrap.dedent(text), encoding="utf-8")
        return path
    return script


READY = """
def ready():
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
"""
# Seconds of CPU time: on a crowded machine a program waits for its turn as long as whoever looks at it.
BUSY = """
clock = getattr(time, "process_time", None) or time.clock
def work(seconds):
    end = clock() + seconds
    while clock() < end:
        for i in range(1000):
            pass
"""


# Whether code of a name in a file has instructions that the compiler gives no line.
WITHOUT_A_LINE = """
import os, sys, types
file, name = sys.argv[1:]
if file.startswith("<frozen "):
    file = os.path.join(os.path.dirname(os.__file__), *file[len("<frozen "):-1].split(".")) + ".py"
def all_of(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from all_of(constant)
with open(file, "rb") as source:
    whole = compile(source.read(), file, "exec")
named = [code for code in all_of(whole) if name in (code.co_name, getattr(code, "co_qualname", None))]
sys.exit(not any(not line for code in named for _, _, line in code.co_lines()))
"""


@functools.cache
def lacks_a_line(frame):
    """Whether an interpreter of these tests compiles FILE:FUNCTION so. Before 3.10 every instruction has a line; from
    3.11 on the first one of a module has line 0."""
    file, _, name = frame.rpartition(":")
    asked = ["-I", "-c", WITHOUT_A_LINE, file, name]
    return name == "<module>" or any(subprocess.run([*python.command, *asked], capture_output=True).returncode == 0
                                     for python in SOME if python.version >= (3, 10))


def check_lines(stack):
    for frame in stack.split(";"):
        assert re.search(r":\d+$", frame) or lacks_a_line(frame), "%s has a line: %s" % (frame, stack)


def clean(done, idle=False, shape=STACK):
    """Checks a clean run; returns {stack: count}."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("\n")
    lines = done.stdout.splitlines()
    if idle and IDLE.fullmatch(lines[0]):
        lines = lines[1:]
    stacks = {}
    for line in lines:
        match = shape.fullmatch(line)
        assert match, "not a stack: %r" % line
        assert match[1] not in stacks, "twice: %r" % line
        if shape is STACK:
            check_lines(match[1])
        stacks[match[1]] = int(match[2])
        assert stacks[match[1]] >= 1
    return stacks


def failed(done, *words, status=1):
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr


def moments(done):
    """[(microseconds, stack)] of a flame chart."""
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) % 2 == 0 and lines
    return [(int(lines[i]), lines[i + 1]) for i in range(0, len(lines), 2)]


@ON_ONE
def test_what_may_lack_a_line(python, script):
    file = script("def plain():\n    return 1\ndef outer():\n    x = plain()\n    return lambda: x\n")
    assert not lacks_a_line("%s:plain" % file)
    assert lacks_a_line("%s:outer" % file) == (python.version >= (3, 11))  # it makes a cell
    assert not lacks_a_line("%s:nothing" % file) and lacks_a_line("%s:<module>" % file)


# ---- Pyflame's tests -------------------------------------------------------------------------


@ON_ALL
def test_build_environment(python):
    """test_travis_build_environment, test_rpm_build_environment: the Python is the one it is called."""
    code = "import sys; print('%d %d' % sys.version_info[:2])"
    said = subprocess.run([*python.command, "-c", code], capture_output=True, text=True, check=True).stdout
    assert tuple(int(word) for word in said.split()) == python.version


@ON_ALL
def test_monitor(pyflame, target, python):
    busy = target(python, TARGETS / "path.py")
    keeps_the_gil(busy.pid)
    stacks = clean(pyflame("-p", busy.pid))
    assert sum(stacks.values()) > 50
    assert all("main:" in stack for stack in stacks)


@ON_ALL
def test_non_gil(pyflame, target, python):
    done = pyflame("-p", target(python, TARGETS / "sleeper.py").pid)
    clean(done, idle=True)
    assert IDLE.match(done.stdout)


SLEEPERS = READY + """
def sleep_a():
    time.sleep(0.1)
def sleep_b():
    time.sleep(0.1)
def again(function):
    while True:
        function()
for function in (sleep_a, sleep_b):
    thread = threading.Thread(target=again, args=(function,))
    thread.daemon = True
    thread.start()
time.sleep(0.2)
ready()
time.sleep(60)
"""


@ON_ALL
def test_threaded(pyflame, target, script, python):
    stacks = clean(pyflame("-s", "1", "--threads", "-p", target(python, script(SLEEPERS)).pid))
    seen = {name: sum(count for stack, count in stacks.items() if ":%s:" % name in stack)
            for name in ("sleep_a", "sleep_b")}
    assert seen["sleep_a"] > 20 and 0.5 <= seen["sleep_a"] / seen["sleep_b"] <= 2, seen


@ON_ALL
def test_unthreaded(pyflame, target, python):
    """One stack, the GIL's holder's; while the GIL passes from thread to thread nobody is that."""
    pid = target(python, TARGETS / "threads.py", 0, 2, 0).pid
    for _ in range(20):
        done = pyflame("-s", "0", "-p", pid)
        assert done.stdout.count("\n") == 1
        if not IDLE.fullmatch(done.stdout.rstrip("\n")):
            break
    assert sum(clean(done).values()) == 1
    assert "spin" in done.stdout


@ON_ONE
def test_legacy_pid_handling(pyflame, target, python):
    pid = target(python, TARGETS / "path.py").pid
    keeps_the_gil(pid)
    done = pyflame("-s", "0", pid)
    assert done.returncode == 0
    assert done.stderr.startswith("WARNING: ")
    assert STACK.fullmatch(done.stdout.rstrip("\n"))


def test_legacy_pid_handling_too_many_pids(pyflame):
    failed(pyflame("1", "2"), "Usage: ")


def test_dash_t_and_dash_p(pyflame):
    failed(pyflame("-p", "1", "-t", "python", "x.py"), "mutually compatible")


def test_unsupported_abi(pyflame):
    failed(pyflame("--abi=0", "-p", "1"), "Unknown or unsupported ABI ")


# Works and sleeps in turns; between two works it sleeps, however long it waits for a CPU.
HALVES = READY + """
ready()
while True:
    end = time.time() + 0.02
    while time.time() < end:
        pass
    time.sleep(0.02)
"""


@ON_ONE
@pytest.mark.parametrize("option", ["-x", "--exclude-idle"])
def test_exclude_idle(pyflame, target, script, python, option):
    halves = script(HALVES)
    pid = target(python, halves).pid
    idle = pyflame("-p", pid)
    assert 5 < int(IDLE.match(idle.stdout)[1]) < 95
    stacks = clean(pyflame(option, "-p", pid))
    assert 5 < sum(stacks.values()) < 95


# Latin, Arabic, Japanese, Khmer, Thai.
NAMES = ["låtìÑ", "وقت_الانتظار", "くらげ", "បាន", "ฟังก์ชัน"]


@ON_ALL
def test_utf8_output(pyflame, target, script, python):
    if python.version < (3, 3):
        pytest.skip("Python 2 has no such names")
    calls = "".join("def %s():\n    %s()\n" % pair for pair in zip(NAMES, NAMES[1:] + ["last"]))
    text = READY + "def last():\n    while True:\n        pass\n" + calls + "ready()\n%s()\n" % NAMES[0]
    path = script(text, "ユニコード.py")
    pid = target(python, path).pid
    keeps_the_gil(pid)
    stacks = clean(pyflame("-s", "0.3", "-p", pid))
    for stack in stacks:
        assert all("ユニコード.py:%s:" % name in stack for name in NAMES)


@ON_ALL
def test_exit_early(pyflame, target, python):
    done = pyflame("-s", "10", "-p", target(python, TARGETS / "exits.py", "2.5").pid)
    clean(done, idle=True)
    assert done.seconds < 8


def test_sample_not_python(pyflame):
    with subprocess.Popen(["sleep", "60"]) as process:
        failed(pyflame("-p", process.pid), "Failed to locate libpython", "not a CPython process")
        process.kill()


@ON_ALL
@pytest.mark.parametrize("threads", [False, True], ids=["holder", "threads"])
@pytest.mark.parametrize("force_abi", [False, True], ids=["detected", "forced"])
def test_trace(pyflame, script, python, force_abi, threads):
    options = ["--abi", "%d%d" % python.version] if force_abi else []
    options += ["--threads"] if threads else []
    done = pyflame(*options, "-t", *python.command, script(BUSY + "work(1)\n"))
    stacks = clean(done, idle=True)
    assert sum(count for stack, count in stacks.items() if ":work:" in stack) > 10


def test_trace_not_python(pyflame, tmp_path):
    shell = tmp_path / "sleep.sh"
    shell.write_text("#!/bin/sh\nsleep 0.3\n")
    shell.chmod(0o755)
    failed(pyflame("-t", shell), "Failed to locate libpython")


@ON_ONE
def test_pyflame_a_pyflame(pyflame, program, python):
    failed(pyflame("-t", program, "-t", *python.command, "-c", "pass"), "You tried to pyflame a pyflame")


def test_pyflame_nonexistent_file(pyflame):
    failed(pyflame("-t", "/no/such/file"), "Child process exited with status", "execvp() failed for: /no/such/file")


def test_trace_no_arg(pyflame):
    failed(pyflame("-t"), "Usage: ")


def test_sample_no_arg(pyflame):
    done = pyflame()
    failed(done)
    assert done.stderr.startswith("Usage: ")


def test_sample_extra_args(pyflame):
    done = pyflame("-p", os.getpid(), "extra")
    failed(done)
    assert done.stderr.startswith("Usage: ")


@ON_ONE
def test_permission_error(pyflame, target, python):
    """Of a process that has what we have not; root is refused nothing else."""
    wrap = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    pid = target(python, TARGETS / "sleeper.py").pid
    failed(pyflame("-p", pid, wrap=wrap), "Failed to seize PID %d" % pid, "CAP_SYS_PTRACE")


@pytest.mark.parametrize("pid", ["-1", "0", str(1 << 200), "not a pid", "12abc", ""])
def test_invalid_pid(pyflame, pid):
    failed(pyflame("-p", pid), "failed to parse")


@ON_ALL
def test_include_ts(pyflame, target, python):
    seen = moments(pyflame("--flamechart", "-s", "0.5", "-p", target(python, TARGETS / "threads.py", 0, 0, 0).pid))
    assert all(MOMENT.fullmatch(stack) or stack == "(idle)" for _, stack in seen)
    times = [t for t, _ in seen]
    assert times == sorted(times) and abs(times[0] / 1e6 - time.time()) < 60
    assert 0.3e6 < times[-1] - times[0] < 0.7e6


@ON_ONE
def test_include_ts_exclude_idle(pyflame, target, script, python):
    halves = script(HALVES)
    seen = moments(pyflame("--flamechart", "-x", "-s", "0.5", "-p", target(python, halves).pid))
    assert all(MOMENT.fullmatch(stack) for _, stack in seen)


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_version(pyflame, flag):
    done = pyflame(flag)
    assert done.returncode == 0 and done.stderr == ""
    assert re.fullmatch(r"pyflame \d+\.\d+\.\d+ (\(commit [\w]+\) )?\S+ \S+ \(ABI list: .+\)\n", done.stdout)


FORKER = BUSY + """
depth = int(sys.argv[1])
work(0.15)
if depth > 0:
    pid = os.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, __file__, str(depth - 1)])
    os.waitpid(pid, 0)
"""


@ON_ONE
def test_trace_forker(pyflame, script, python):
    done = pyflame("-t", *python.command, script(FORKER), 3)
    clean(done, idle=True)
    assert done.seconds >= 0.6


@ON_ONE
def test_sigchld(pyflame, script, python):
    program = script("""
        for i in range(20):
            if os.fork() == 0:
                os._exit(0)
            time.sleep(0.05)
    """)
    done = pyflame("-t", *python.command, program)
    clean(done, idle=True)
    assert done.seconds >= 1


HEADER = re.compile(r"\d+(\*?):")


@ON_ALL
def test_thread_dump(pyflame, target, python):
    pid = target(python, TARGETS / "threads.py", 0, 1, 3).pid
    time.sleep(0.5)  # until the main thread, which has just said that it is ready, sleeps
    done = pyflame("-d", "-p", pid)
    assert done.returncode == 0 and done.stderr == ""
    parts = [part.splitlines() for part in done.stdout.split("\n\n")]
    assert len(parts) == 5
    for header, *frames in parts:
        assert HEADER.fullmatch(header)
        assert frames and all(re.fullmatch(r"[^:;]+:[^:;]+:\d+", frame) for frame in frames)
    leaves = Counter(frames[0].split(":")[1].rpartition(".")[2] for _, *frames in parts)
    assert leaves["spin"] == 1 and leaves["wait"] == 4
    assert "<module>" in parts[-1][-1], "the main thread comes last"
    holders = [frames[0] for header, *frames in parts if HEADER.fullmatch(header)[1]]
    assert len(holders) <= 1


@ON_ONE
@pytest.mark.parametrize("option", ["-n", "--no-line-numbers"])
def test_no_line_numbers(pyflame, target, python, option):
    stacks = clean(pyflame(option, "-p", target(python, TARGETS / "split.py").pid), shape=WITHOUT_LINES)
    assert any(stack.endswith(":hot") for stack in stacks)


# ---- the FAQ's promises ------------------------------------------------------------------------


@ON_ONE
def test_snapshot_of_every_thread(pyflame, target, python):
    """pyflame -s 0 --threads -p PID"""
    stacks = clean(pyflame("-s", "0", "--threads", "-p", target(python, TARGETS / "threads.py", 0, 1, 3).pid))
    assert sum(stacks.values()) == 5
    assert sum(count for stack, count in stacks.items() if ":rest:" in stack) == 3


@ON_ONE
def test_abi_that_is_wrong_is_no_guess(pyflame, target, python):
    other = "38" if python.version != (3, 8) else "39"
    pid = target(python, TARGETS / "path.py").pid
    keeps_the_gil(pid)
    clean(pyflame("--abi", "%d%d" % python.version, "-s", "0.2", "-p", pid))
    done = pyflame("--abi", other, "-s", "0.2", "-p", pid)
    assert done.returncode == 1 or "path.py" not in done.stdout
    failed(pyflame("--abi", "0", "-p", pid), "Unknown or unsupported ABI version: 0; known are", "36", "311")


@pytest.mark.parametrize("case", [BOOKWORM, BARE_BOOKWORM], ids=str)
def test_container_from_outside_as_root(start, pyflame, case):
    inside = start(case, "path.py")
    keeps_the_gil(inside.pid)
    stacks = clean(pyflame("-s", "0.3", "-p", inside.pid))
    assert all("/app/path.py:main:" in stack for stack in stacks)


def test_container_from_outside_as_the_same_user(docker, pyflame, program):
    """Without any capability, for a program in a container that runs as the same user."""
    name = "podflame-same-user-%d" % os.getpid()
    image = images.docker(docker, "bookworm")
    docker.call("run", "--detach", "--name", name, "--user", "65534:65534", "--network=none", "--env",
                "PYTHONDONTWRITEBYTECODE=1", "--volume", "%s:/app:ro" % TARGETS, image, "python3", "/app/path.py")
    try:
        eventually(lambda: "ready" in docker.call("logs", name), 20, "the program starts")
        pid = int(docker.call("inspect", "--format", "{{.State.Pid}}", name))
        keeps_the_gil(pid)
        copy = pathlib.Path("/var/tmp") / name / "pyflame"
        copy.parent.mkdir(mode=0o755)
        copy.write_bytes(pathlib.Path(program).read_bytes())
        copy.chmod(0o755)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = subprocess.run([*nobody, str(copy), "-s", "0.3", "-p", str(pid)], capture_output=True, text=True,
                              timeout=MARGIN_SECONDS)
        assert all("/app/path.py:main:" in stack for stack in clean(done))
    finally:
        docker.call("rm", "--force", "--volumes", name)
        copy.unlink(missing_ok=True)
        copy.parent.rmdir()


# ---- what it did wrong ---------------------------------------------------------------------------


@ON_ONE
@pytest.mark.parametrize("code, status", [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137), ("pass", 0)])
def test_status_of_the_command(pyflame, script, python, code, status):
    done = pyflame("-t", *python.command, script(BUSY + "work(1)\n" + code + "\n"))
    assert done.returncode == status
    assert ":work:" in done.stdout


@ON_ONE
def test_seconds_do_not_limit_a_command(pyflame, script, python):
    done = pyflame("-s", "0", "-t", *python.command, script(BUSY + "work(0.5)\n"))
    assert sum(clean(done, idle=True).values()) > 20


@ON_ONE
def test_functions_of_one_name_place_are_told_apart(pyflame, script, python):
    """Twenty functions, all at <string>:3."""
    program = script("""
        functions = []
        for i in range(20):
            space = {}
            exec(compile("\\n\\ndef f%d():\\n    for i in range(20000): pass\\n" % i, "<string>", "exec"), space)
            functions.append(space["f%d" % i])
        for i in range(40):
            for function in functions:
                function()
    """)
    stacks = clean(pyflame("-r", "0.001", "-t", *python.command, program), idle=True)
    assert len({stack.rpartition(";")[2] for stack in stacks if "<string>:f" in stack}) >= 18


SIGNALS = READY + """
import signal
numbers, written = os.pipe()
os.set_blocking(numbers, False)
os.set_blocking(written, False)
signal.set_wakeup_fd(written)
signal.signal(signal.SIGUSR1, lambda number, frame: None)
ready()
end = time.time() + 60
count = 0
while time.time() < end and count < 20:
    try:
        count += len(os.read(numbers, 20))
    except BlockingIOError:
        pass
sys.exit(count)
"""


@ON_ONE
def test_signals_reach_the_target(pyflame, target, script, program, python):
    process = target(python, script(SIGNALS))
    with subprocess.Popen([program, "-p", str(process.pid), "-s", "20", "-r", "0.001"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as profiler:
        for _ in range(20):
            process.send_signal(signal.SIGUSR1)
            eventually(lambda: not is_pending(process.pid), 5, "the signal is delivered")
            time.sleep(0.05)
        assert process.wait(MARGIN_SECONDS) == 20
        out, err = profiler.communicate(timeout=MARGIN_SECONDS)
    assert (profiler.returncode, err) == (0, b"") and out


@ON_ONE
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_prints(target, program, python, number):
    process = target(python, TARGETS / "path.py")
    with subprocess.Popen([program, "-p", str(process.pid), "-s", "60"], stdout=subprocess.PIPE) as profiler:
        time.sleep(1.5)  # it samples by now
        profiler.send_signal(number)
        out, _ = profiler.communicate(timeout=MARGIN_SECONDS)
    assert profiler.returncode == 0
    assert b"path.py:main:" in out
    assert process.poll() is None


@ON_ONE
def test_stopped_target(pyflame, target, python):
    process = target(python, TARGETS / "path.py")
    keeps_the_gil(process.pid)
    process.send_signal(signal.SIGSTOP)
    done = pyflame("-s", "0.2", "-p", process.pid)
    assert sum(clean(done).values()) > 5
    assert pathlib.Path("/proc/%d/stat" % process.pid).read_text().rpartition(")")[2].split()[0] == "T"


@ON_ONE
def test_killed_target(target, program, python):
    process = target(python, TARGETS / "path.py")
    with subprocess.Popen([program, "-p", str(process.pid), "-s", "60"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as profiler:
        time.sleep(1.5)  # it samples by now
        process.kill()
        process.wait()
        out, err = profiler.communicate(timeout=MARGIN_SECONDS)
    assert (profiler.returncode, err) == (0, b"") and b"path.py:main:" in out


def test_output_file_is_ours(start, pyflame, tmp_path):
    """A relative one, of a target with another root; what stood there is replaced."""
    inside = start(BARE_BOOKWORM, "path.py")
    keeps_the_gil(inside.pid)
    (tmp_path / "out").write_text("old\n" * 10000)
    done = pyflame("-s", "0.2", "-p", inside.pid, "-o", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines and all(STACK.fullmatch(line) for line in lines)
    assert not os.path.exists("/out")


@ON_ONE
def test_output_not_writable(pyflame, target, python):
    pid = target(python, TARGETS / "path.py").pid
    failed(pyflame("-p", pid, "-o", "/no/such/folder"), 'cannot open file "/no/such/folder" as output', "No such file")
    done = pyflame("-p", pid, "-s", "0.1", "-o", "/dev/full")
    failed(done, "/dev/full")


@ON_ONE
def test_interval_is_kept(pyflame, target, python):
    """100 samples a second are 100, however long each one takes."""
    stacks = clean(pyflame("-s", "2", "-r", "0.01", "-p", target(python, TARGETS / "deep.py", 0, 500).pid))
    assert 150 <= sum(stacks.values()) <= 200


@pytest.mark.parametrize("arguments, words", [
    (["--nonsense", "-p", "1"], ["--nonsense", "Usage: "]),
    (["-s", "abc", "-p", "1"], ['"abc"']),
    (["-r", "abc", "-p", "1"], ['"abc"']),
    (["-s", "-1", "-p", "1"], ['"-1"']),
    (["-d", "-t", "true"], ["Options -t and -d are not mutually compatible"]),
    (["-p"], ["-p", "Usage: "]),
])
def test_wrong_usage(pyflame, arguments, words):
    failed(pyflame(*arguments), *words)


def test_no_such_process(pyflame):
    failed(pyflame("-p", "4194303"), "Failed to seize PID 4194303", "no such process")


def test_help(pyflame):
    done = pyflame("-h")
    assert done.returncode == 0 and done.stderr == ""
    assert all(word in done.stdout for word in ("--abi VERSION", "--flamechart", "--threads", "-x", "-t COMMAND"))


@ON_ONE
def test_chart_with_threads_has_one_time_for_all(pyflame, target, python):
    seen = moments(pyflame("--flamechart", "--threads", "-s", "0.2", "-p",
                           target(python, TARGETS / "threads.py", 0, 1, 2).pid))
    assert set(Counter(t for t, _ in seen).values()) == {4}
