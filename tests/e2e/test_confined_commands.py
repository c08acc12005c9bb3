# SPDX-License-Identifier: Apache-2.0
"""What the commands that people run may still do while they work, and that they work as before."""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import termios

import pytest

from interpreters import BARE_BOOKWORM, BOOKWORM, SUPPORTED_ON_HOST
from program import MARGIN_SECONDS, PODFLAME, Background, cpu_seconds, eventually, podflame
from skips import must_skip
from terminal import Terminal
from test_confinement import mask, threads

PYTHON = SUPPORTED_ON_HOST[0].command[0]
BUSY = "import time\nend = time.process_time() + %g\nwhile time.process_time() < end:\n    sum(range(1000))\n"
FIELDS = ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
LOOKING = mask(["dac_read_search", "sys_ptrace", "sys_nice", "perfmon", "checkpoint_restore", "ipc_lock"])
NONE = mask([])
LOOKS = {(LOOKING, LOOKING, NONE, LOOKING, NONE, "1", "2")}
CONVERTS = {(NONE, NONE, NONE, NONE, NONE, "1", "2")}
WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]


def is_confined_as(pid, expected):
    """Whether all threads are, once they are; one that has just ended has no status."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return threads(pid, *FIELDS) == expected
    return False


@contextlib.contextmanager
def held_up(*arguments, program=PODFLAME, **options):
    """A command whose result goes to a pipe that is full: it ends once somebody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
    process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=writing,
                               stderr=subprocess.PIPE, text=True, **options)
    os.close(writing)
    try:
        yield process
        with open(reading, "rb") as pipe:
            process.result = pipe.read().strip(b"\0").decode()
        _, said = process.communicate(timeout=MARGIN_SECONDS)
        assert process.returncode >= 0, said
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def profiles(tmp_path):
    """A folded profile, twice."""
    for name in "ab":
        (tmp_path / (name + ".folded")).write_text("main;a 30\nmain;b 10\n")
    return [tmp_path / "a.folded", tmp_path / "b.folded"]


@pytest.fixture
def open_folder():
    """A folder that everybody sees, which those of tests are not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podflame-confined-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


# ---- every thread, while it works ------------------------------------------------------------


@pytest.mark.parametrize("options", [["record", "-o", "x.folded", "-d", 60], ["record", "-b", "-d", 60],
                                     ["record", "-s", "-m", "wall", "-d", 60], ["top", "--plain"]], ids=str)
def test_while_it_samples(start, tmp_path, options):
    target = start(BOOKWORM, "split.py")
    options = ["--blocking" if word == "-b" else word for word in options]
    with Background(tmp_path / "run", *options, "-p", target.pid, cwd=tmp_path) as running:
        eventually(lambda: is_confined_as(running.process.pid, LOOKS), 20,
                   lambda: (threads(running.process.pid, *FIELDS), running.stderr))
        eventually(lambda: len(threads(running.process.pid, "Pid")) > 1, 20, "readers are there")
        assert threads(running.process.pid, *FIELDS) == LOOKS
        used = cpu_seconds(target.pid)
        eventually(lambda: cpu_seconds(target.pid) > used + 0.3, 20, "there is something to sample")
        assert running.interrupt() == 0, running.stderr


@pytest.mark.parametrize("options", [["dump"], ["dump", "--json"], ["doctor"],
    ["gil", "-d", 0.5], ["gil", "-s", "--json", "-d", 0.5], ["ps"], ["ps", "--json"]], ids=str)
def test_while_it_looks(start, options):
    target = start(BARE_BOOKWORM, "split.py")
    named = [] if options[0] == "ps" else ["-p", target.pid]
    with held_up(*options, *named) as process:
        eventually(lambda: is_confined_as(process.pid, LOOKS), 20, lambda: threads(process.pid, *FIELDS))
    assert str(target.pid) in process.result


@pytest.mark.parametrize("command", ["convert", "lines", "diff", "check"])
def test_while_it_reads_files(profiles, command):
    base, new = profiles
    files = {"convert": [base, new], "lines": [base, new, "--source", "/"], "diff": [base, new], "check": ["--base", base, "--new", new]}[command]
    with held_up(command, *files, "--confine", "kill") as process:
        eventually(lambda: is_confined_as(process.pid, CONVERTS), 20, lambda: threads(process.pid, *FIELDS))


def test_pyflame(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    program = tmp_path / "pyflame"
    program.symlink_to(pathlib.Path(PODFLAME).resolve())
    with held_up("-s", 0.5, "-r", 0.01, "-p", target.pid, program=program) as process:
        eventually(lambda: is_confined_as(process.pid, LOOKS), 20, lambda: threads(process.pid, *FIELDS))
    assert "split.py" in process.result
    done = subprocess.run([program, "-p", str(target.pid)], capture_output=True, text=True,
                          env={**os.environ, "PODFLAME_CONFINE": "perhaps"}, timeout=MARGIN_SECONDS)
    assert done.returncode == 2 and "'perhaps' is none of deny, kill, off" in done.stderr


def test_off_keeps_everything(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    with Background(tmp_path / "run", "record", "-p", target.pid, "--confine", "off") as running:
        eventually(lambda: len(threads(running.process.pid, "Pid")) > 1, 20, "readers are there")
        assert threads(running.process.pid, "Seccomp", "CapPrm") == threads(os.getpid(), "Seccomp", "CapPrm")


# ---- nothing that it needs is missing ----------------------------------------------------------


@pytest.mark.parametrize("options", [
    ["record", "-d", 0.3], ["record", "-s", "-v", "-d", 0.3], ["record", "--blocking", "-d", 1],
    ["record", "-m", "gil", "--engine", "timer", "-d", 0.3], ["record", "-d", 0.3, "-o", "x.html"],
    ["top", "-d", 0.5], ["top", "-s", "--blocking", "-d", 0.5], ["gil", "-d", 0.5, "-o", "x.html"],
    ["gil", "-s", "--live", "-d", 0.5, "-o", "x.pb.gz"], ["dump"], ["dump", "--json"], ["doctor"],
    ["doctor", "--json"]], ids=str)
def test_whatever_else_is_called_would_kill(start, tmp_path, options):
    target = start(BOOKWORM, "split.py")
    done = podflame(*options, "-p", target.pid, "--confine", "kill", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_collector_is_asked(tmp_path):
    """Names are resolved, threads started, certificates read: the answer is that nobody listens."""
    done = podflame("doctor", "--collector", "https://localhost:9/", "--confine", "kill")
    assert done.returncode == 1 and "https://localhost:9/ does not take profiles" in done.stdout, done.stderr


def test_a_terminal_is_drawn_on_and_given_back(start):
    """Resized, stopped by ^Z and continued, and left."""
    target = start(BOOKWORM, "split.py")
    script = 'set -m; "$0" "$@"; echo stopped; read word; fg; echo left with $?'
    with Terminal(["/bin/sh", "-c", script, PODFLAME, "top", "-p", str(target.pid), "--confine", "kill"]) as terminal:
        eventually(terminal.is_taken, 20, "it is drawn on")
        terminal.set_size(80, 30)
        eventually(lambda: terminal.rows()[-1].startswith("q quit"), 20, terminal.rows)
        terminal.press("\x1a")
        eventually(lambda: any("stopped" in row for row in terminal.rows()), 20, terminal.rows)
        terminal.press("\n")
        eventually(lambda: not termios.tcgetattr(terminal.fd)[3] & termios.ECHO, 20, "it is taken again")
        terminal.press("q")
        eventually(lambda: any(row.startswith("left with 0") for row in terminal.rows()), 20, terminal.rows)


def test_a_container_without_ptrace_reads_its_own(tmp_path):
    """What root's own child holds it must hold as well to be read; so all that there is is kept."""
    file = tmp_path / "x.folded"
    done = podflame("record", "-r", 500, "-o", file, "--", PYTHON, "-I", "-S", "-c", BUSY % 0.5, wrap=WITHOUT_PTRACE)
    assert done.returncode == 0 and "<module>" in file.read_text(), done.stderr


# ---- what is started is as if podflame were not there -----------------------------------------


def states(text):
    return re.findall(r"^(?:Cap\w+|NoNewPrivs|Seccomp|PPid):.*$", text, re.M)


def test_a_command_has_all_that_we_had(tmp_path):
    """And again, when we have long given it up."""
    command = ["/bin/sh", "-c", "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; grep PPid /proc/$$/status; %s -c %s" % (
        PYTHON, "'%s'" % (BUSY % 0.2))]
    plain = subprocess.run(command, capture_output=True, text=True)
    for attempt in ([], ["--repeat", 2]):
        with Background(tmp_path / "run", "record", "-s", "-r", 500, "-o", tmp_path / "x.json", *attempt, "--",
                        *command) as running:
            assert running.process.wait(MARGIN_SECONDS) == 0, running.stderr
        *expected, parent = states(plain.stdout)
        assert parent == "PPid:\t%d" % os.getpid()
        expected += ["PPid:\t%d" % running.process.pid]
        assert states(running.stdout) == expected * (2 if attempt else 1)


def test_a_program_that_changes_its_user_does(open_folder):
    """sudo and its likes below an ordinary user's record."""
    if os.statvfs(open_folder).f_flag & os.ST_NOSUID:
        must_skip("set-user-ID bits count for nothing here")
    program = open_folder / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    podflame_copy = shutil.copy(PODFLAME, open_folder / "podflame")
    done = subprocess.run([*ORDINARY[:4], podflame_copy, "record", "-o", "/dev/null", "--", program, "-u"],
                          capture_output=True, text=True, timeout=MARGIN_SECONDS)
    assert done.stdout == "0\n", done.stderr


def test_an_ordinary_user_records(open_folder):
    program = shutil.copy(PODFLAME, open_folder / "podflame")
    open_folder.chmod(0o777)
    done = subprocess.run([*ORDINARY, program, "record", "-r", "500", "-o", open_folder / "x.folded", "--confine", "kill",
                           "--", "/usr/bin/python3", "-I", "-S", "-c", BUSY % 0.5], capture_output=True, text=True,
                          timeout=MARGIN_SECONDS)
    assert done.returncode == 0, done.stderr
    assert "<module>" in (open_folder / "x.folded").read_text()


def test_a_signal_reaches_a_command_of_another_user(tmp_path):
    """Root has given up CAP_KILL; the child outside has not."""
    with Background(tmp_path / "run", "record", "-o", tmp_path / "x", "--", *ORDINARY[:4], "/bin/sh", "-c",
                    "trap 'echo caught; exit 7' USR1; echo ready; while :; do sleep 0.05; done") as running:
        eventually(lambda: "ready" in running.stdout, 20, lambda: running.stderr)
        running.process.send_signal(signal.SIGUSR1)
        running.process.wait(MARGIN_SECONDS)
        assert running.stdout == "ready\ncaught\n"


def children(pid):
    """{name: process id}"""
    text = subprocess.run(["ps", "--ppid", str(pid), "-o", "comm=,pid="], capture_output=True, text=True).stdout
    return dict(line.split() for line in text.splitlines())


def test_nobody_stays_behind(start, tmp_path):
    """The child outside ends with us, be it by SIGKILL; what it starts does not."""
    with Background(tmp_path / "run", "record", "-o", tmp_path / "x", "--", "/bin/sleep", "60") as running:
        eventually(lambda: sorted(children(running.process.pid)) == ["podflame-out", "sleep"], 20,
                   lambda: children(running.process.pid))
        outside, command = (children(running.process.pid)[name] for name in ("podflame-out", "sleep"))
        running.process.kill()
        running.process.wait()
        eventually(lambda: not pathlib.Path("/proc/" + outside).exists(), 20, "it has ended")
        os.kill(int(command), signal.SIGKILL)


# ---- files of others, where root may write only by capabilities that it gives up -----------------


@pytest.fixture
def others(open_folder):
    os.chown(open_folder, 65534, 65534)
    return open_folder


@pytest.mark.parametrize("ending", ["folded", "html"])
def test_a_result_in_a_folder_of_another(start, others, ending):
    target = start(BOOKWORM, "split.py")
    done = podflame("record", "-p", target.pid, "-d", 0.3, "-r", 500, "-o", others / ("x." + ending))
    assert done.returncode == 0, done.stderr
    assert (others / ("x." + ending)).stat().st_size > 0


def test_what_was_made_for_nothing_is_removed(others):
    """And what was there already is not."""
    (others / "empty").touch()
    for name in ("new", "empty"):
        done = podflame("record", "-p", 2 ** 22, "-o", others / name)
        assert done.returncode == 1 and "no such process" in done.stderr
    done = podflame("record", "-o", others / "other", "--", "/bin/true")
    assert done.returncode == 1 and "nothing was recorded" in done.stderr
    (others / "broken").write_text("\x7f")
    done = podflame("convert", others / "broken", "-o", others / "converted")
    assert done.returncode == 1
    assert sorted(path.name for path in others.iterdir()) == ["broken", "empty"]


def test_files_that_only_their_owner_may_read(others, profiles):
    private = []
    for file in profiles:
        private.append(shutil.copy(file, others / file.name))
        os.chown(private[-1], 65534, 65534)
        os.chmod(private[-1], 0o600)
    reports = [word for name in ("r.md", "r.html", "r.json") for word in ("-o", others / name)]
    assert podflame("diff", *private, *reports).returncode == 0
    assert all((others / name).stat().st_size > 0 for name in ("r.md", "r.html", "r.json"))
    done = podflame("convert", *private, "-o", others / "both.pb.gz")
    assert done.returncode == 0 and (others / "both.pb.gz").stat().st_size > 0, done.stderr


def test_good_profiles_are_kept_in_a_folder_of_another(start, others, tmp_path):
    runs = tmp_path / "runs.otlp.json"
    done = podflame("record", "-q", "--repeat", 2, "-r", 200, "-o", runs, "--", PYTHON, "-I", "-S", "-c", BUSY % 0.3)
    assert done.returncode == 0, done.stderr
    done = podflame("check", "--baseline-dir", others, "--save", "--new", runs, "--confine", "kill")
    assert done.returncode == 0 and "are kept as the first of branch main" in done.stderr
    [kept] = (others / "main").iterdir()
    assert kept.name == "00000001.otlp.json.gz" and stat.S_IMODE(kept.stat().st_mode) == 0o644
    done = podflame("check", "--baseline-dir", others, "--save", "--new", tmp_path / "none", "--confine", "kill")
    assert done.returncode == 2 and "No such file" in done.stdout + done.stderr


def test_what_cannot_be_kept_is_told(profiles, tmp_path):
    (tmp_path / "file").touch()
    done = podflame("check", "--baseline-dir", tmp_path / "none", "--branch", "x" * 300, "--save", "--new", *profiles)
    assert done.returncode == 2 and "a branch's name must have" in done.stdout + done.stderr
