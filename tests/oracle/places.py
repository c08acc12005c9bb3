# SPDX-License-Identifier: Apache-2.0
"""Where targets and peers run, and what has to be fetched for them.

All of it lies in .cache/bench and .cache/rootfs. What cannot be had here raises
Unavailable with the reason, and the bench goes on without.
"""

import contextlib
import copy
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

from testbed import CACHE, PROJECT, Unavailable, ends_with_us, images

PACKAGES = {"py-spy": "0.4.3", "austin-dist": "4.0.0"}
TESTS = PROJECT / "tests"

autogroup = 0  # nice value of every session that the bench starts, see sched(7); set by --crowded


def started(process):
    """To be told of every target and every profiler, which lead sessions of their own."""
    if autogroup:
        with contextlib.suppress(OSError):
            pathlib.Path("/proc/%d/autogroup" % process.pid).write_text(str(autogroup))



def say(text):
    print(text, file=sys.stderr, flush=True)


def attempt(make, *arguments):
    """What @make returns, or nothing, with a word on why."""
    try:
        return make(*arguments)
    except Unavailable as error:
        say("left out: %s: %s" % (arguments[0] if arguments else "the peers", error))
        return None


def tools():
    """The folder of the peers' programs, installed on first use."""
    wanted = ["%s==%s" % item for item in PACKAGES.items()]
    recipe = hashlib.sha256(" ".join(wanted + [sys.version]).encode()).hexdigest()[:8]
    folder = CACHE / "bench" / ("venv-" + recipe)
    done = folder / "done"
    if not done.exists():
        install = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"] + wanted
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], install):
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                raise Unavailable("not installed: " + (run.stderr.strip().splitlines() or ["pip failed"])[-1])
        done.touch()
    return folder / "bin"


class Host:
    """Programs as they lie on this machine; @python is the interpreter of the targets."""

    def __init__(self, python, scratch):
        self.python = [str(python)]
        self.scratch = scratch
        self.environment = dict(os.environ, PYTHONPATH=str(TESTS / "targets"), PYTHONDONTWRITEBYTECODE="1")

    def command(self, argv):
        return argv

    def target(self, script):
        return str(TESTS / script)

    def output(self, name):
        return str(self.scratch / name)


class Rootfs:
    """A Debian root directory: the tests at /app, the scratch folder at /mnt, the peers at /srv, /proc mounted.

    The mounts are in a mount namespace of their own, held by one process; commands
    enter it. The PID namespace is the host's.
    """

    SETUP = 'mount --bind "$1" "$0/app" && mount --bind "$2" "$0/mnt" && mount --bind "$3" "$0/srv" && ' \
            'mount -t proc proc "$0/proc" && exec chroot "$0" sh -c "echo held; exec sleep infinity"'

    def __init__(self, suite, python, scratch, tools):
        if os.geteuid() != 0:
            raise Unavailable("entering a root directory needs root")
        self.root = images.directory(suite)
        self.scratch = scratch
        self.python = [python]
        self.environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/app/targets", "PYTHONDONTWRITEBYTECODE": "1",
                            "PYTHONUTF8": "1"}
        binds = [str(folder) for folder in (self.root, TESTS, scratch, tools or scratch)]
        command = [*ends_with_us("KILL"), "unshare", "--mount", "sh", "-c", self.SETUP, *binds]
        self.holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
        if self.holder.stdout.readline() != "held\n":
            raise Unavailable("mounting was refused: " + self.holder.communicate()[1].strip())

    def close(self):
        self.holder.kill()
        self.holder.communicate()

    def command(self, argv):
        return ["nsenter", "--target", str(self.holder.pid), "--mount", "--root", "--wd"] + argv

    def with_python(self, python):
        """The same place, with another interpreter for the targets."""
        other = copy.copy(self)
        other.python = [python]
        return other

    def target(self, script):
        return "/app/" + script

    def output(self, name):
        return "/mnt/" + name

    def loader(self):
        """The words that run a host's program with this root's C library."""
        library = next(self.root.glob("usr/lib/*-linux-gnu"))
        return [str(next(library.glob("ld-linux-*.so.*"))), "--library-path", str(library)]


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory(prefix="podflame-bench-") as folder:
        yield pathlib.Path(folder)
