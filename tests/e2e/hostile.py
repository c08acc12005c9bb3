# SPDX-License-Identifier: Apache-2.0
"""Programs that do what harms a profiler, run as an ordinary user, and what podflame spends on them."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile

from program import MARGIN_SECONDS, podflame
from testbed import PROJECT

FOLDER = PROJECT / "tests/hostile"
ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@contextlib.contextmanager
def running(name, *arguments, python="/usr/bin/python3"):
    """tests/hostile/@name, a C or a Python program, as nobody in a folder that is its own; it has said "ready"."""
    with tempfile.TemporaryDirectory(prefix="podflame-hostile-") as folder:  # pytest's are root's alone
        os.chmod(folder, 0o777)
        if name.endswith(".c"):
            program = [os.path.join(folder, name[:-2])]
            subprocess.run(["cc", "-O1", "-o", program[0], FOLDER / name], check=True)
        else:
            program = [python, shutil.copy(FOLDER / name, folder)]
        process = subprocess.Popen([*ORDINARY, *program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=folder)
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


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


def cpu_seconds(pid):
    """What process @pid has used so far, by the kernel."""
    with open("/proc/%d/stat" % pid) as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
