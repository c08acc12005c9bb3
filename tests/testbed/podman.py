# SPDX-License-Identifier: Apache-2.0
"""Debian's podman with a storage of its own: containers that runc starts, no network.

Its storage driver, the one that works everywhere, copies all of an image for each
container: images are bare roots, with a suite's /usr mounted.
"""

import contextlib
import pathlib
import secrets
import shutil
import subprocess
import tarfile
import tempfile
import time

from . import Unavailable, images
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


class Podman:
    def __init__(self, home):
        self.storage = home / "storage"
        self.options = ["--root", self.storage, "--runroot", home / "run", "--storage-driver", "vfs", "--runtime", "runc",
                        "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--tmpdir", home / "tmp"]

    def call(self, *arguments):
        done = subprocess.run(["podman", *map(str, self.options), *map(str, arguments)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Unavailable("podman %s: %s" % (arguments[0], done.stderr.strip()[-2000:]))
        return done.stdout.strip()


class Container(Program):
    """See containers.Program."""

    def __init__(self, podman, suite, image, command, folder):
        self.podman, self.image, self.name = podman, image, "podflame-" + secrets.token_hex(4)
        environment = [word for item in ENVIRONMENT.items() for word in ("--env", "%s=%s" % item)]
        self.id = podman.call("run", "--detach", "--name", self.name, "--network", "none", *LIMITS, *environment,
                              "--log-driver", "k8s-file", "--volume", "%s:/app:ro" % folder, "--workdir", "/app",
                              "--volume", "%s/usr:/usr:ro" % images.directory(suite), image, *command)
        self.pid = int(podman.call("inspect", "--format", "{{.State.Pid}}", self.id))

    def output(self):
        return self.podman.call("logs", self.id)

    def ready(self):
        return "ready" in self.output()

    def stop(self):
        self.podman.call("rm", "--force", "--time", "0", self.name)


@contextlib.contextmanager
def open_podman(image):
    """A podman that has an image of that name."""
    for program in ("podman", "runc"):
        if not shutil.which(program):
            raise Unavailable("%s is missing: apt-get install %s" % (program, program))
    home = pathlib.Path(tempfile.mkdtemp(prefix="podflame-podman-"))
    try:
        podman = Podman(home)
        write_root(home / "root.tar")
        podman.call("import", home / "root.tar", image)
        yield podman
    finally:
        remove(home)


def remove(home):
    """A container's monitor cleans up behind it, on its own, and may still write there."""
    deadline = time.monotonic() + CLEANUP_SECONDS
    while home.exists() and time.monotonic() < deadline:
        shutil.rmtree(home, ignore_errors=True)
        time.sleep(0.1)
