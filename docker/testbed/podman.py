# SPDX-License-Identifier: Apache-2.0
"""Debian's podman with a storage of its own: containers that runc starts, files copied, no network."""

import contextlib
import pathlib
import secrets
import shutil
import subprocess
import tempfile

from . import Unavailable, images
from .containers import ENVIRONMENT, Program

# Limits of its own choice would need CAP_SYS_RESOURCE to be raised.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")


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

    def __init__(self, podman, image, command, folder):
        self.podman, self.image, self.name = podman, image, "podflame-" + secrets.token_hex(4)
        environment = [word for item in ENVIRONMENT.items() for word in ("--env", "%s=%s" % item)]
        self.id = podman.call("run", "--detach", "--name", self.name, "--network", "none", *LIMITS, *environment,
                              "--log-driver", "k8s-file", "--volume", "%s:/app:ro" % folder, "--workdir", "/app", image,
                              *command)
        self.pid = int(podman.call("inspect", "--format", "{{.State.Pid}}", self.id))

    def output(self):
        return self.podman.call("logs", self.id)

    def ready(self):
        return "ready" in self.output()

    def stop(self):
        self.podman.call("rm", "--force", "--time", "0", self.name)


@contextlib.contextmanager
def open_podman(suite, image):
    """A podman that has a suite under the name @image."""
    for program in ("podman", "runc"):
        if not shutil.which(program):
            raise Unavailable("%s is missing: apt-get install %s" % (program, program))
    with tempfile.TemporaryDirectory(prefix="podflame-podman-") as home:
        podman = Podman(pathlib.Path(home))
        podman.call("import", images.tarball(suite), image)
        yield podman
