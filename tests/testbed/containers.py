# SPDX-License-Identifier: Apache-2.0
"""A program running in a container: by Docker, or in bare namespaces; or on the host.

All three offer the same: id and name ("" on the host), pid (of the program, as the
host sees it), host_pids() and stop(). They are context managers that begin when
the program has printed "ready".
"""

import contextlib
import os
import pathlib
import secrets
import subprocess
import sys
import time

from . import Unavailable, ends_with_us, images

START_SECONDS = 90
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"}
ENTER = pathlib.Path(__file__).with_name("enter.py")


class Program:
    """What the three kinds have in common. @folder is the program's, at /app in containers."""

    id = ""
    name = ""
    pid = 0

    def host_pids(self):
        return [self.pid]

    def state(self):
        """The letter of its main thread; X if it is not there."""
        try:
            return pathlib.Path("/proc/%d/stat" % self.pid).read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "X"

    def alive(self):
        """Whether the program is there and is no zombie."""
        return self.state() not in "ZX"

    def sleeps(self):
        return self.state() == "S"

    def cpu_seconds(self):
        """CPU time of the program's process so far."""
        stat = pathlib.Path("/proc/%d/stat" % self.pid).read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        try:
            self.wait_until(self.ready, "print \"ready\"")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until(self, condition, what):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError("%r did not %s in %d s: %s" % (self, what, START_SECONDS, self.output()))
            time.sleep(0.02)


class Docker(Program):
    def __init__(self, docker, image, command, folder, name=None, label="podflame-test", labels=(), environment=(),
                 user="root"):
        self.docker = docker
        self.image = image
        self.name = name or "podflame-" + secrets.token_hex(4)
        environment = [word for item in {**ENVIRONMENT, **dict(environment)}.items() for word in ("--env", "%s=%s" % item)]
        labels = [word for text in (label, *labels) for word in ("--label", text)]
        try:
            self.id = docker.call("run", "--detach", "--name", self.name, *labels, "--user", user, "--network=none",
                                  *environment, "--volume", "%s:/app:ro" % folder, "--workdir", "/app", image, *command)
            self.pid = int(docker.call("inspect", "--format", "{{.State.Pid}}", self.id))
        except BaseException:
            self.stop()
            raise

    def output(self):
        return self.docker.call("logs", self.id)

    def ready(self):
        return "ready" in self.output()

    def host_pids(self):
        return [int(word) for word in self.docker.call("top", self.id, "-o", "pid").split()[1:]]

    def diff(self):
        """What has changed in its file system, as docker puts it."""
        return self.docker.call("diff", self.id)

    def stop(self):
        self.docker.call("rm", "--force", "--volumes", self.name)


class Piped(Program):
    """A program whose output we hold, started as a child of ours."""

    def spawn(self, command, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, **options)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.read = b""

    def output(self):
        with contextlib.suppress(BlockingIOError):
            self.read += os.read(self.process.stdout.fileno(), 65536)
        return self.read.decode(errors="replace")

    def ready(self):
        ended = self.process.poll() is not None
        if "ready" not in self.output() and ended:
            raise RuntimeError("ended before it was ready: " + self.output())
        return "ready" in self.output()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def cgroup_parent():
    """A directory of a cgroup hierarchy in which we may make groups: version 2 first."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    mounts = [fields for fields in mounts if fields[2] in ("cgroup2", "cgroup")]
    for fields in sorted(mounts, key=lambda fields: fields[2] != "cgroup2"):
        parent = pathlib.Path(fields[1]) / "podflame-test"
        with contextlib.suppress(OSError):
            parent.mkdir(exist_ok=True)
            return parent
    raise Unavailable("no cgroup hierarchy here is writable")


def make_cgroup(name):
    """A group below cgroup_parent(), which another test that ends may remove at any moment."""
    for _ in range(100):
        group = cgroup_parent() / name
        with contextlib.suppress(FileNotFoundError):
            group.mkdir()
            return group
    raise Unavailable("%s: the group's parent is removed again and again" % group)


class Bare(Piped):
    """PID, mount, user and cgroup namespaces of its own around an image's root directory."""

    def __init__(self, suite, command, folder, id=None):
        if os.geteuid() != 0:
            raise Unavailable("containers by hand need root")
        root = images.directory(suite)
        self.id = id or secrets.token_hex(32)
        self.name = self.id[:12]
        self.group = make_cgroup(self.id)
        join = [*ends_with_us("KILL"), "sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.group)]
        unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount", "--cgroup"]
        enter = [sys.executable, "-I", "-S", str(ENTER), str(root), "%s:/app" % folder, "--"]
        self.spawn(join + unshare + enter + list(command), env=ENVIRONMENT, cwd="/")

    def __enter__(self):
        super().__enter__()
        self.pid = self.host_pids()[0]
        return self

    def host_pids(self):
        pids = (self.group / "cgroup.procs").read_text().split()
        return sorted(int(pid) for pid in pids if int(pid) != self.process.pid)

    def stop(self):
        super().stop()
        self.wait_until(self.removed, "leave its cgroup")

    def removed(self):
        with contextlib.suppress(OSError):
            self.group.rmdir()
            self.group.parent.rmdir()
        return not self.group.exists()


class Host(Piped):
    """No container at all."""

    def __init__(self, command, folder):
        self.spawn([*ends_with_us("KILL"), *command], env=ENVIRONMENT, cwd=str(folder))
        self.pid = self.process.pid
