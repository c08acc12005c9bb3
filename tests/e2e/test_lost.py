# SPDX-License-Identifier: Apache-2.0
"""Nobody is lost: across an exec, by a thread's id, behind a wrapper, out of the family; and who is, is named."""

import contextlib
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest

import truth
from interpreters import BARE_BOOKWORM, SUPPORTED_ON_HOST
from program import MARGIN_SECONDS, PODFLAME, Background, eventually, podflame
from skips import must_skip
from test_launch import BUSY, FAST, PYTHON, processes, samples_in

OTHER = SUPPORTED_ON_HOST[-1].command[0]
# What the kernel's records of births take.
WITHOUT_PERF = ["setpriv", "--bounding-set=-perfmon,-sys_admin", "--inh-caps=-perfmon,-sys_admin"]
REEXEC = pathlib.Path(__file__).resolve().parents[1] / "targets/reexec.py"

# Works for so many seconds of CPU time, once it is told to; END is to be filled in.
TOLD = BUSY.format(name="before") + BUSY.format(name="after") + """
import os, threading, ctypes, subprocess
print("ready", flush=True)
sys.stdin.readline()
"""
AFTER = BUSY.format(name="after") + "after(0.4)\n"


@pytest.fixture
def begin():
    """begin(command…): a process that has said "ready" and waits for a line; it ends with the test."""
    with contextlib.ExitStack() as stack:
        def begin(*command, ready=b"ready\n"):
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       start_new_session=True)
            stack.callback(end, process)
            if ready:
                assert process.stdout.readline() == ready
            return process
        yield begin


def end(process):
    """With all that is left of its session, wherever it has got to."""
    for folder in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == process.pid:
                os.kill(int(folder.name), signal.SIGKILL)
    process.kill()
    process.stdin.close()
    process.stdout.close()
    process.wait()


@pytest.fixture
def recorded(tmp_path):
    """recorded(process, arguments…): tells it to go on once it is recorded; the status, stacks, and what was said."""
    def recorded(process, *arguments, wrap=(), seconds=100, go=None):
        with Background(tmp_path / "run", "record", "-v", "-r", 1000, "-d", seconds, *arguments, wrap=wrap) as recording:
            eventually(lambda: "engine:" in recording.stderr or recording.process.poll() is not None, 10, "it begins")
            time.sleep(0.5)
            if go:
                go()
            else:
                process.stdin.write(b"\n")
                process.stdin.flush()
            status = recording.process.wait(MARGIN_SECONDS)
            return status, truth.parse_folded(recording.stdout), recording.stderr
    return recorded


def both(stacks):
    return samples_in(stacks, "before"), samples_in(stacks, "after")


# ---- across an exec ---------------------------------------------------------------------------


EXECS = {
    "another-python": "before(0.4); os.execv(%(other)r, [%(other)r, %(after)r])",
    "the-same": "before(0.4); os.execv(sys.executable, [sys.executable, %(after)r])",
    "through-a-shell": "before(0.4); os.execv('/bin/sh', ['sh', '-c', 'sleep 0.7; exec %(other)s %(after)s'])",
    "by-a-thread": "before(0.4)\n"
                   "t = threading.Thread(target=os.execv, args=(%(other)r, [%(other)r, %(after)r])); t.start(); t.join()",
}


@pytest.mark.parametrize("way", EXECS)
@pytest.mark.parametrize("options", [[], ["-s"]], ids=["alone", "subprocesses"])
def test_exec(begin, recorded, script, way, options):
    words = {"other": OTHER, "after": script(AFTER)}
    process = begin(*FAST, script(TOLD + EXECS[way] % words + "\n"))
    status, stacks, said = recorded(process, "-p", process.pid, *options)
    assert status == 0, said
    assert min(both(stacks)) > 100, said
    assert "2 processes" in said and "not Python" not in said


@pytest.mark.parametrize("options", [[], ["-s"]], ids=["alone", "subprocesses"])
def test_exec_in_a_container(start, options):
    """PID 1 of a container executes another program."""
    target = start(BARE_BOOKWORM, "reexec.py", 3, 1)
    done = podflame("record", "-c", target.name, "-r", 1000, "-d", 60, *options)
    assert done.returncode == 0, done.stderr
    assert min(both(truth.parse_folded(done.stdout))) > 100, done.stderr


def test_exec_without_the_kernels_word(begin, recorded, script):
    process = begin(*FAST, script(TOLD + EXECS["another-python"] % {"other": OTHER, "after": script(AFTER)}))
    status, stacks, said = recorded(process, "-p", process.pid, "-s", "--engine", "timer", wrap=WITHOUT_PERF)
    assert status == 0 and "2 processes" in said, said


def test_top_goes_on_across_an_exec(begin, tmp_path, script):
    process = begin(*FAST, script(TOLD + "before(0.4); os.execv(%r, [%r, %r])" % (
        OTHER, OTHER, script(AFTER.replace("0.4", "60")))))
    with Background(tmp_path / "run", "top", "-p", process.pid, "-n", 0.3, "--plain") as top:
        eventually(lambda: "FUNCTION" in top.stdout, 10, "it begins")
        process.stdin.write(b"\n")
        process.stdin.flush()
        eventually(lambda: " after " in top.stdout, 20, lambda: top.stdout[-2000:])
        assert " before " in top.stdout
        assert top.interrupt() == 0


def test_another_program_is_told_of(begin, recorded, script):
    """It becomes something that is not Python: what was sampled is written, and that is said."""
    process = begin(*FAST, script(TOLD + "before(0.4); os.execv('/bin/sleep', ['sleep', '2'])"))
    status, stacks, said = recorded(process, "-p", process.pid)
    assert status == 0 and samples_in(stacks, "before") > 100
    assert "process %d has become another program, which is not Python" % process.pid in said and "sleep" in said


CHANGES = {
    "user": "os.setgid(65534); os.setuid(65534)",
    "root": "os.chroot(os.path.dirname(__file__))",
    "threads": "[threading.Thread(target=lambda: None).start() for _ in range(50)]",
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_nature(begin, recorded, script, change):
    process = begin(*FAST, script(TOLD + "before(0.2); %s; after(0.4)" % CHANGES[change]))
    status, stacks, said = recorded(process, "-p", process.pid)
    assert status == 0 and min(both(stacks)) > 50, said


# ---- a thread's id ------------------------------------------------------------------------------


THREADS = BUSY.format(name="work") + """
import ctypes, threading
threading.Thread(target=work, args=(100,), daemon=True).start()
libc = ctypes.CDLL(None)
libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, ctypes.cast(libc.pause, ctypes.c_void_p), None)
print("ready", flush=True)
time.sleep(100)
"""


@pytest.fixture
def threads(begin, script):
    """(pid, TID of a Python thread, TID of one that knows no Python)"""
    process = begin(*FAST, script(THREADS))
    folder = "/proc/%d/task" % process.pid
    eventually(lambda: len(os.listdir(folder)) == 3, 10, "its threads start")
    return (process.pid, *sorted(int(tid) for tid in os.listdir(folder) if int(tid) != process.pid))


@pytest.mark.parametrize("which", [1, 2], ids=["python", "native"])
def test_thread_is_taken_for_its_process(threads, tmp_path, which):
    pid, tid = threads[0], threads[which]
    file = tmp_path / "out.folded"
    done = podflame("record", "-p", tid, "-d", 1, "-r", 1000, "-o", file)
    assert done.returncode == 0 and samples_in(truth.parse_folded(file.read_text()), "work") > 10, done.stderr
    assert "Process %d:" % pid in podflame("dump", "-p", tid).stdout
    assert "process %d " % pid in re.sub(" +", " ", podflame("doctor", "-p", tid).stdout)
    done = podflame("top", "-p", tid, "-d", 2, "-r", 1000, "--plain")
    assert done.returncode == 0 and " work " in done.stdout, done.stderr
    (tmp_path / "pyflame").symlink_to(PODFLAME)
    done = subprocess.run([str(tmp_path / "pyflame"), "-s", "1", "--threads", "-p", str(tid)], capture_output=True,
                          text=True)
    assert done.returncode == 0 and ":work:" in done.stdout, done.stderr


def test_a_process_and_its_threads_are_one(threads):
    words = [word for id in threads for word in ("-p", id)]
    done = podflame("record", *words, "-d", 1, "-r", 1000)
    assert done.returncode == 0 and "1 process " in done.stderr, done.stderr
    assert podflame("dump", *words).stdout.count("Process ") == 1


def test_a_thread_beside_another_process(threads, begin, script):
    other = begin(*FAST, script("print('ready', flush=True)\n" + BUSY.format(name="other") + "other(100)"))
    done = podflame("record", "-p", other.pid, "-p", threads[1], "-d", 2, "-r", 1000)
    assert done.returncode == 0, done.stderr
    stacks = truth.parse_folded(done.stdout)
    assert samples_in(stacks, "work") > 10 and samples_in(stacks, "other") > 10


# ---- a wrapper that is not Python -----------------------------------------------------------------


WRAPPERS = {
    "now": "%(before)s & echo ready; read line; %(after)s; wait",
    "later": "echo ready; read line; %(before)s; %(after)s",
    "exec": "%(before)s & echo ready; read line; sleep 0.3; exec %(after)s",
}


def wrapper(begin, script, way):
    words = {name: " ".join([*FAST, script(BUSY.format(name=name) + "%s(%g)" % (name, seconds))])
             for name, seconds in (("before", 3 if way != "later" else 0.4), ("after", 0.4))}
    return begin("sh", "-c", WRAPPERS[way] % words)


@pytest.mark.parametrize("way", WRAPPERS)
def test_children_of_a_wrapper(begin, recorded, script, way):
    process = wrapper(begin, script, way)
    status, stacks, said = recorded(process, "-p", process.pid, "-s")
    assert status == 0 and min(both(stacks)) > 100, said
    assert "not profiled" not in said


def test_wrapper_alone_is_refused_with_the_remedy(begin, script):
    process = wrapper(begin, script, "now")
    for command in ("record", "top"):
        done = podflame(command, "-p", process.pid, "-d", 1)
        assert done.returncode == 1 and done.stdout == ""
        assert "not a CPython process" in done.stderr and "--subprocesses" in done.stderr


def test_top_of_a_wrapper(begin, tmp_path, script):
    process = wrapper(begin, script, "later")
    with Background(tmp_path / "run", "top", "-p", process.pid, "-s", "-n", 0.3, "--plain") as top:
        eventually(lambda: "FUNCTION" in top.stdout, 10, "it begins")
        process.stdin.write(b"\n")
        process.stdin.flush()
        eventually(lambda: " after " in top.stdout, 20, lambda: top.stdout[-2000:])
        assert top.process.wait(MARGIN_SECONDS) == 0, top.stderr
    assert "all of it has ended" in top.stderr


def test_wrapper_without_any_python(begin, recorded):
    process = begin("sh", "-c", "echo ready; read line; sleep 0.5; true")
    status, stacks, said = recorded(process, "-p", process.pid, "-s")
    assert status == 1 and not stacks
    assert "process %d was not profiled" % process.pid in said and "not a CPython process" in said


# ---- out of the family ----------------------------------------------------------------------------


DAEMONS = {
    "double-fork": "if os.fork() == 0:\n    os.setsid()\n    os.fork() and os._exit(0)\n    after(0.4)\n    os._exit(0)\n"
                   "os.wait(); before(0.4)",
    "parent-ends-first": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        after(0.6)\n    os._exit(0)\n"
                         "before(0.2); os._exit(0)",
    "setsid-grandchild": "subprocess.Popen(['setsid', '--fork', *%(fast)r, %(after)r]).wait(); before(0.4)",
    "through-shells": "subprocess.Popen(['sh', '-c', '((%(command)s) &) &']).wait(); before(0.4)",
}


@pytest.mark.parametrize("way", DAEMONS)
def test_daemon_stays_in_its_family(begin, recorded, script, way):
    after = script(AFTER)
    words = {"fast": FAST, "after": after, "command": " ".join([*FAST, after])}
    process = begin(*FAST, script(TOLD + DAEMONS[way] % words))
    status, stacks, said = recorded(process, "-p", process.pid, "-s")
    if "perf tick" not in said:
        must_skip("the kernel tells nobody of births here: " + said)
    assert status == 0 and min(both(stacks)) > 100, said
    assert len(processes(stacks)) >= 2


def test_daemon_whose_parent_was_seen(begin, recorded, script):
    """Without the kernel's word of births, the session that it is in leads to who began it."""
    code = "if os.fork() == 0:\n    os.setsid(); time.sleep(2)\n    os.fork() and os._exit(0)\n    after(0.4)\n" \
           "    os._exit(0)\nos.wait(); before(0.4)"
    process = begin(*FAST, script(TOLD + code))
    status, stacks, said = recorded(process, "-p", process.pid, "-s", "-m", "wall", wrap=WITHOUT_PERF)
    assert status == 0 and min(both(stacks)) > 20, said


def test_strangers_stay_out(begin, recorded, script):
    stranger = begin(*FAST, script("print('ready', flush=True)\n" + BUSY.format(name="stranger") + "stranger(100)"))
    process = begin(*FAST, script(TOLD + DAEMONS["double-fork"]))
    status, stacks, said = recorded(process, "-p", process.pid, "-s")
    assert status == 0 and samples_in(stacks, "stranger") == 0 and stranger.poll() is None


# ---- who gives no profile is named -------------------------------------------------------------------


def test_prefork_parent(begin, recorded, script):
    """People name the parent, whose children do the work."""
    process = begin(*FAST, script(TOLD + "[os.fork() or (before(100), os._exit(0)) for _ in range(3)]; time.sleep(100)"))
    status, stacks, said = recorded(process, "-p", process.pid, seconds=2.5)
    children = pathlib.Path("/proc/%d/task/%d/children" % (process.pid, process.pid)).read_text().split()
    most = sum(map(ticks, children)) / os.sysconf("SC_CLK_TCK")
    told = re.search(r"process %d ran for ([\d.]+) s, 3 children for ([\d.]+) s; .*-s" % process.pid, said)
    assert told and float(told[1]) < 0.2 and 0.1 * most < float(told[2]) <= most + 0.005, (said, most)
    process.kill()


def ticks(pid):
    """CPU time of a process."""
    return sum(map(int, pathlib.Path("/proc/%s/stat" % pid).read_text().rpartition(")")[2].split()[11:13]))


def test_parent_of_children_that_end(begin, recorded, script):
    """The kernel tells their time by that of their parent."""
    process = begin(*FAST, script(TOLD + """
for _ in range(100):
    os.fork() or (before(0.2), os._exit(0))
    os.wait()
"""))
    status, stacks, said = recorded(process, "-p", process.pid, seconds=2)
    told = re.search(r"process %d ran for ([\d.]+) s(?:, 1 child for ([\d.]+) s)?, children that have ended for ([\d.]+) s;"
                     % process.pid, said)
    assert told and float(told[1]) < float(told[3]) < 2.5, said
    process.kill()


def test_one_of_two_that_cannot_be_had(begin, script, tmp_path):
    """The other is none the worse."""
    good = begin(*FAST, script("print('ready', flush=True)\n" + BUSY.format(name="work") + "work(100)"))
    bad = begin("sleep", 60, ready=None)
    file = tmp_path / "out.folded"
    done = podflame("record", "-p", bad.pid, "-p", good.pid, "-d", 1, "-r", 1000, "-o", file)
    assert done.returncode == 1 and "process %d: it is not a CPython process" % bad.pid in done.stderr
    assert samples_in(truth.parse_folded(file.read_text()), "work") > 10
    done = podflame("dump", "-p", bad.pid, "-p", good.pid)
    assert done.returncode == 1 and "Process %d:" % good.pid in done.stdout and str(bad.pid) in done.stderr


def test_no_sample_is_a_failure_with_its_reason(begin, script):
    process = begin(*FAST, script("print('ready', flush=True)\nimport time; time.sleep(100)"))
    time.sleep(0.5)
    done = podflame("record", "-p", process.pid, "-d", 0.5)
    assert done.returncode == 1 and "no samples: nothing ran" in done.stderr and "--idle" in done.stderr


@pytest.mark.parametrize("options", [[], ["-s"]], ids=["alone", "subprocesses"])
def test_stopped_process(begin, script, options):
    process = begin(*FAST, script("print('ready', flush=True)\n" + BUSY.format(name="work") + "work(100)"))
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: " T " in pathlib.Path("/proc/%d/stat" % process.pid).read_text(), 5, "it stops")
    done = podflame("record", "-p", process.pid, "-d", 1, *options)
    assert done.returncode == 1 and done.stderr.count("\n") <= 3, done.stderr
    assert "stopped" in done.stderr


def test_unreadable_child_is_named_in_the_end(python_3_3, script, tmp_path):
    file = tmp_path / "out.folded"
    old, work = python_3_3.interpreter.command[0], script(BUSY.format(name="work") + "work(1)")
    done = podflame("record", "-o", file, "-s", "--", "sh", "-c", "%s -c 'import time; time.sleep(8)' & %s; wait" % (
        old, " ".join([*FAST, work])))
    assert done.returncode == 0, done.stderr
    assert samples_in(truth.parse_folded(file.read_text()), "work") > 10
    assert re.search(r"process \d+ was not profiled: it is CPython 3\.3", done.stderr), done.stderr


def test_ends_while_it_is_opened(script, tmp_path):
    """Whatever the moment: a profile, or a sentence and status 1."""
    code = script("import time, sys\nend = time.time() + float(sys.argv[1])\nwhile time.time() < end: pass")
    seen = set()
    for i in range(25):
        file = tmp_path / ("out%d" % i)
        with subprocess.Popen([*FAST, code, str(random.random() * 0.15)]) as process:
            time.sleep(random.random() * 0.1)
            done = podflame("record", "-p", process.pid, "-d", 5, "-r", 1000, "-o", file, "-f", "folded")
        assert done.returncode == (0 if file.exists() and file.stat().st_size else 1), done.stderr
        assert done.returncode == 0 or "process %d" % process.pid in done.stderr or "no samples" in done.stderr
        seen.add(done.returncode)
    assert seen


@pytest.mark.parametrize("command", ["record", "top"])
def test_interpreter_that_is_not_up_yet(command, script, tmp_path):
    """One that starts is waited for as long as it lives: here it is stopped in the midst of that, for two seconds."""
    code = script(BUSY.format(name="work") + "work(1)")
    process = subprocess.Popen([PYTHON, code], start_new_session=True)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with Background(tmp_path / "run", command, "-p", process.pid, "-d", 60) as running:
            time.sleep(2)
            os.kill(process.pid, signal.SIGCONT)
            status = running.process.wait(MARGIN_SECONDS)
            # Stopped before it has executed anything, it is still a copy of us: that is Python, too.
            assert status == 0 and "work" in running.stdout, running.stderr
    finally:
        process.kill()
        process.wait()
