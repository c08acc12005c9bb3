# SPDX-License-Identifier: Apache-2.0
"""Running podflame: to its end, or in the background."""

import os
import pathlib
import signal
import subprocess
import time

from testbed import PROJECT

PODFLAME = os.environ.get("PODFLAME_PROGRAM", str(PROJECT / "build/podflame"))
# Until something that is to happen at once must have happened: CPUs and disks may be shared with many.
MARGIN_SECONDS = 120


def podflame(*arguments, timeout=MARGIN_SECONDS, wrap=(), **options):
    """Runs it to its end; the result has returncode, stdout, stderr and seconds."""
    begin = time.monotonic()
    command = [str(word) for word in (*wrap, PODFLAME, *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, **options)
    done.seconds = time.monotonic() - begin
    return done


RECORDINGS_MAX = 20


def folded(*arguments, samples=400, **options):
    """Folded stacks of one recording, and of more where that had too few samples: CPUs may be shared with many."""
    text = ""
    for _ in range(RECORDINGS_MAX):
        text += record(*arguments, **options)
        if sum(int(row.rpartition(" ")[2]) for row in text.splitlines()) >= samples:
            break
    return text


def record(*arguments, seconds=2, rate=1000):
    """A recording that must succeed; returns what it wrote to stdout."""
    done = podflame("record", *arguments, "-d", seconds, "-r", rate, timeout=seconds + MARGIN_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Running:
    """A process beside the test, which ends with it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Background(Running):
    """podflame running beside the test; its output goes to files, to be read at any time."""

    def __init__(self, folder, *arguments, wrap=(), **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            self.process = subprocess.Popen([*wrap, PODFLAME, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, **options)

    @property
    def stdout(self):
        return (self.folder / "out").read_text(errors="replace")

    @property
    def stderr(self):
        # It may end in the middle of a character, since the process is still writing.
        return (self.folder / "err").read_text(errors="replace")

    def interrupt(self, timeout=MARGIN_SECONDS):
        """SIGINT, as Ctrl-C sends it; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout)


PATIENCE = 4


def cpu_seconds(pid):
    """What process @pid has used so far, by the kernel."""
    words = (pathlib.Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def keeps_the_gil(pid):
    """Waits until program @pid, which only counts, runs: it lets go of the GIL once more to say that it is ready."""
    before = cpu_seconds(pid)
    eventually(lambda: cpu_seconds(pid) > before + 0.02, MARGIN_SECONDS, "%d runs" % pid)


# However crowded the machine is.
LONGEST_WAIT_SECONDS = 300


def share_of_a_cpu():
    """What one that wants to run gets of a CPU, at most 1."""
    running = int(pathlib.Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return min(1, os.cpu_count() / max(1, running))


def eventually(condition, seconds, what):
    """Waits until condition() is true and returns it; @seconds is enough on a machine that has not much else to do.
    Where more run than there are CPUs, a second counts as what of it one of them gets."""
    spent, begin = 0, time.monotonic()
    last, end = begin, begin + max(PATIENCE * seconds, LONGEST_WAIT_SECONDS)
    while True:
        result = condition()
        if result:
            return result
        in_time = spent < PATIENCE * seconds and last < end
        assert in_time, "not within %g s: %s" % (PATIENCE * seconds, what() if callable(what) else what)
        time.sleep(0.05)
        now = time.monotonic()
        spent, last = spent + (now - last) * share_of_a_cpu(), now
