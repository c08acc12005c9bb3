# SPDX-License-Identifier: Apache-2.0
"""Programs that do what harms a profiler, run as an ordinary user, and what podflame spends on them."""

import collections
import contextlib
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

from program import MARGIN_SECONDS, Running, podflame
from testbed import PROJECT

FOLDER = PROJECT / "tests/hostile"
ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@contextlib.contextmanager
def ready(command, before=(), user=ORDINARY, **options):
    """A command as nobody, which has said "ready" and ends with the block. @before: what root does in the same process."""
    process = subprocess.Popen([*before, *user, *map(str, command)], stdout=subprocess.PIPE, text=True, **options)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def running(name, *arguments, python="/usr/bin/python3", before=(), **options):
    """tests/hostile/@name, a C or a Python program, as nobody in a folder that is its own; it has said "ready".
    A C file that is called like a Python program is a library that it finds in that folder."""
    with tempfile.TemporaryDirectory(prefix="podflame-hostile-") as folder:  # pytest's are root's alone
        os.chmod(folder, 0o777)
        source, made = (FOLDER / name).with_suffix(".c"), os.path.join(folder, name.partition(".")[0])
        if name.endswith(".c"):
            subprocess.run(["cc", "-O1", "-o", made, source], check=True)
            program = [made]
        else:
            if source.exists():
                subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", made + ".so", source], check=True)
            program = [python, shutil.copy(FOLDER / name, folder)]
        with ready([*program, *arguments], before, cwd=folder, **options) as process:
            yield process


@contextlib.contextmanager
def mounted(content, reads, *options):
    """A file system of one file, with @content's bytes, that answers so many readings: silent_files.py has the options.
    What waits for it goes on with the block's end."""
    with tempfile.TemporaryDirectory(prefix="podflame-silent-") as folder:
        os.chmod(folder, 0o755)
        command = ["/usr/bin/python3", FOLDER / "silent_files.py", folder, content, str(reads), *options]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "ready\n"
            yield os.path.join(folder, "python3.11")
        finally:
            server.kill()  # the kernel ends all that waits for it
            server.wait()
            server.stdout.close()
            subprocess.run(["umount", "--lazy", folder], check=False)


def installed(folder):
    """An installation of Python that lies where only root may look, for running(): what nobody sees it as."""
    show = ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /mnt && shift && exec "$@"', "sh", str(folder)]
    return {"python": "/mnt/bin/python", "before": [*show, "env", "LD_LIBRARY_PATH=/mnt/lib", "PYTHONHOME=/mnt"]}


def spent(*arguments, timeout=MARGIN_SECONDS):
    """(what podflame said and returned, its CPU seconds, its peak of memory in MB), of a run to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = podflame(*arguments, wrap=[sys.executable, "-c", PEAK], timeout=timeout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    done.stderr, _, peak = done.stderr.rpartition("peak ")
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(peak) / 1024


# Peaks of children that have ended before would hide a lower one.
PEAK = """
import os, resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def peak_megabytes(pid):
    """Of memory that process @pid has had so far."""
    status = (pathlib.Path("/proc") / str(pid) / "status").read_text()
    return int(re.search(r"^VmHWM:\s*(\d+) kB", status, re.M)[1]) / 1024


Share = collections.namedtuple("Share", "cpu longest_pause")

# Its own CPU seconds, and the longest time between two looks at the clock, of every line that it is sent.
VICTIM = """
import sys, time
for line in sys.stdin:
    begin = last = time.monotonic()
    cpu, longest = time.process_time(), 0
    while last < begin + float(line):
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    print((time.process_time() - cpu) / (last - begin), longest, flush=True)
"""


class Victim(Running):
    """A program that is nobody's target, on some CPUs."""

    def __init__(self, cpus):
        self.process = subprocess.Popen([sys.executable, "-c", VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(self.process.pid, cpus)

    def share(self, seconds):
        """Which part of a CPU it got for so long, and its longest pause in seconds."""
        self.process.stdin.write("%g\n" % seconds)
        self.process.stdin.flush()
        return Share(*map(float, self.process.stdout.readline().split()))
