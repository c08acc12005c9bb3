# SPDX-License-Identifier: Apache-2.0
"""Debian's podman with a storage of its own: containers that runc starts, no network.

Its storage driver, the one that works everywhere, copies all of an image for each
container: images are bare roots, with a suite's /usr mounted, or this machine's.
"""

import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

from . import Unavailable
from .containers import ENVIRONMENT, Program

# Limits of its own choice would need CAP_SYS_RESOURCE to be raised.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")

LINKS, FOLDERS = ("bin", "lib", "lib64", "sbin"), ("app", "dev", "etc", "proc", "run", "sys", "tmp", "usr")
CLEANUP_SECONDS = 30


def write_root(path):
    with tarfile.open(path, "w") as archive:
        for name in LINKS + FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = (tarfile.SYMTYPE if name in LINKS else tarfile.DIRTYPE), 0o755
            entry.linkname = "usr/" + name if name in LINKS else ""
            archive.addfile(entry)


# A user that is known only to programs that run by it. Its number and those of its containers' users are nobody else's.
USER, SUBORDINATE = 64925, 1 << 30

# $0 is the user's home. Where podman does not find the user and its further numbers, it gives up.
AS_USER = """
set -e
for name in passwd group subuid subgid; do
        touch /etc/$name
        cat /etc/$name "$0/more-$name" >"$0/$name"
        mount --bind "$0/$name" /etc/$name
done
cd "$0"
exec setpriv --reuid=%d --regid=%d --clear-groups --inh-caps=-all env -i HOME="$0" XDG_RUNTIME_DIR="$0/run" \\
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"
""" % (USER, USER)


class Podman:
    """With @as_user, one that a user runs without root."""

    def __init__(self, home, as_user=False):
        self.storage = home / "storage"
        self.options = ["--root", self.storage, "--runroot", home / "run", "--storage-driver", "vfs", "--runtime", "runc",
                        "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--tmpdir", home / "tmp"]
        self.wrap = ["unshare", "--mount", "sh", "-c", AS_USER, str(home)] if as_user else []

    def call(self, *arguments):
        done = subprocess.run([*self.wrap, "podman", *map(str, self.options), *map(str, arguments)], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Unavailable("podman %s: %s" % (arguments[0], done.stderr.strip()[-2000:]))
        return done.stdout.strip()


class Container(Program):
    """See containers.Program."""

    def __init__(self, podman, usr, image, command, folder, options=()):
        self.podman, self.image, self.name = podman, image, "podflame-" + secrets.token_hex(4)
        environment = [word for item in ENVIRONMENT.items() for word in ("--env", "%s=%s" % item)]
        self.id = podman.call("run", "--detach", "--name", self.name, "--network", "none", *LIMITS, *environment,
                              "--log-driver", "k8s-file", "--volume", "%s:/app:ro" % folder, "--workdir", "/app",
                              "--volume", "%s:/usr:ro" % usr, *options, image, *command)
        self.pid = int(podman.call("inspect", "--format", "{{.State.Pid}}", self.id))

    def output(self):
        return self.podman.call("logs", self.id)

    def ready(self):
        return "ready" in self.output()

    def stop(self):
        """Its monitor cleans up at the same time: what it unmounts just then podman finds busy, now and then."""
        try:
            self.podman.call("rm", "--force", "--time", "0", self.name)
        except Unavailable:
            time.sleep(1)
            self.podman.call("rm", "--force", "--time", "0", self.name)


def make_user(home):
    """What the user has: a home, and in the files of users a line more."""
    lines = {"passwd": "podflame-user:x:%d:%d::%s:/bin/sh" % (USER, USER, home), "group": "podflame-user:x:%d:" % USER,
             "subuid": "podflame-user:%d:65536" % SUBORDINATE, "subgid": "podflame-user:%d:65536" % SUBORDINATE}
    for name, line in lines.items():
        (home / ("more-" + name)).write_text(line + "\n")
    (home / "run").mkdir(mode=0o700)
    for path in (home, home / "run"):
        os.chown(path, USER, USER)


@contextlib.contextmanager
def open_podman(image, as_user=False):
    """A podman that has an image of that name."""
    for program, package in [("podman", "podman"), ("runc", "runc")] + [("newuidmap", "uidmap")] * as_user:
        if not shutil.which(program):
            raise Unavailable("%s is missing: apt-get install %s" % (program, package))
    home = pathlib.Path(tempfile.mkdtemp(prefix="podflame-podman-"))
    try:
        podman = Podman(home, as_user)
        write_root(home / "root.tar")
        if as_user:
            make_user(home)
        podman.call("import", home / "root.tar", image)
        yield podman
    finally:
        end_pause(home)
        remove(home)


def end_pause(home):
    """A user's podman leaves a process that keeps its user namespace, for later calls."""
    for note in home.glob("**/pause.pid"):
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(note.read_text()), signal.SIGKILL)


def remove(home):
    """A container's monitor cleans up behind it, on its own, and may still write there."""
    deadline = time.monotonic() + CLEANUP_SECONDS
    while home.exists() and time.monotonic() < deadline:
        shutil.rmtree(home, ignore_errors=True)
        time.sleep(0.1)
