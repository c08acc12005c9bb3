# SPDX-License-Identifier: Apache-2.0
"""What a node lives in: namespaces and control groups of its own, on this machine's files.

Its process 1 is the first of a PID namespace. With it ends all that runs in it, whatever became of the test, and with
the last process all mounts and interfaces. Its /run, /var/lib and /var/log are in memory: programs have their files
where they have them on any node, and podflame finds those through /proc/1/root.
"""

import contextlib
import os
import pathlib
import subprocess
import time

from testbed import Unavailable, ends_with_us

NAME = "node-1"
ADDRESS, GATEWAY = "172.31.77.2", "172.31.77.1"
GROUPS = pathlib.Path("/sys/fs/cgroup")
PREFIX = "podflame-cluster-"
SIZES = {"/run": "512m", "/var/lib": "4g", "/var/lib/kubelet": "512m", "/var/log": "256m"}
# What a kubelet would write into the kernel of the machine. It finds the values that it wants in their place.
SETTINGS = {"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
            "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000"}

SETUP = """
set -e
mount --make-rprivate /
mkdir $HOME/settings
%(settings)s
%(memory)s
mkdir /run/lock /var/log/pods /var/log/containers
hostname %(name)s
ip link set lo up
ip link add uplink type veth peer name world
ip link set world up
ip address add %(address)s/24 dev uplink
ip link set uplink up
ip route add default via %(gateway)s
echo 1 > /proc/sys/net/ipv4/ip_forward
touch $HOME/up
trap : TERM INT HUP
sleep infinity &
while :; do wait; done
"""


def setup():
    settings = "\n".join("n=$HOME/settings/%d; echo %s > $n; mount --bind $n /proc/sys/%s" % (i, value, name)
                         for i, (name, value) in enumerate(SETTINGS.items()))
    memory = "\n".join("mkdir -p %s; mount -t tmpfs -o size=%s,mode=755 node %s" % (path, size, path) for path, size in SIZES.items())
    return SETUP % {"settings": settings, "memory": memory, "name": NAME, "address": ADDRESS, "gateway": GATEWAY}


def controllers():
    """The roots of this machine's hierarchies of control groups: one of version 2, or several of version 1."""
    if (GROUPS / "cgroup.controllers").exists():
        return [GROUPS]
    return [path for path in GROUPS.iterdir() if path.is_dir() and not path.is_symlink() and (path / "cgroup.procs").exists()]


def remove_groups(name):
    for root in controllers():
        for folder, _, _ in os.walk(root / name, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def remove_stale_groups():
    """Those of a test that was killed: groups with a process in them refuse."""
    for name in {path.name for root in controllers() for path in root.glob(PREFIX + "*")}:
        if not pathlib.Path("/proc", name[len(PREFIX):]).exists():
            remove_groups(name)


class Process:
    """A program of the node. @pid is the machine's."""

    def __init__(self, machine, name, command):
        self.name, self.machine = name, machine
        self.log = machine.home / (name + ".log")
        with open(self.log, "ab") as log:
            self.enter = subprocess.Popen([*ends_with_us("KILL"), *machine.command(), *map(str, command)], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)

    @property
    def pid(self):
        children = pathlib.Path("/proc/%d/task/%d/children" % (self.enter.pid, self.enter.pid)).read_text().split()
        return int(children[0]) if children else 0

    def ended(self):
        return self.enter.poll() is not None

    def signal(self, number):
        with contextlib.suppress(OSError):
            if self.pid:
                os.kill(self.pid, number)

    def stop(self, number=9):
        while not self.ended():
            self.signal(number)
            time.sleep(0.1)

    def tail(self, size=3000):
        return "%s: %s" % (self.name, self.log.read_text(errors="replace")[-size:])


class Machine:
    def __init__(self, home):
        self.home = home
        self.group = PREFIX + str(os.getpid())
        for root in controllers():
            (root / self.group).mkdir(exist_ok=True)
        command = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount", "--mount-proc", "--net", "--uts", "--ipc",
                   "bash", "-c", setup()]
        with open(home / "machine.log", "wb") as log:
            self.unshare = subprocess.Popen([*ends_with_us("KILL"), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, "HOME": str(home)}, start_new_session=True)

    def wait_until_up(self):
        deadline = time.monotonic() + 60
        while not (self.home / "up").exists():
            if self.unshare.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("namespaces cannot be had: " + (self.home / "machine.log").read_text()[-2000:])
            time.sleep(0.05)
        self.pid = int(pathlib.Path("/proc/%d/task/%d/children" % (self.unshare.pid, self.unshare.pid)).read_text())

    def command(self, *words, only=("mount", "pid", "net", "uts", "ipc")):
        """A command in the node's namespaces, or some of them."""
        return ["nsenter", "--target", str(self.pid), *["--%s" % name for name in only], "--", *map(str, words)]

    def run(self, *words, only=("mount", "pid", "net", "uts", "ipc"), **options):
        done = subprocess.run(self.command(*words, only=only), capture_output=True, text=True, **options)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(map(str, words)), done.stderr.strip()[-2000:]))
        return done.stdout

    def start(self, name, *command):
        return Process(self, name, command)

    def path(self, path):
        """A file of the node, as this test sees it."""
        return pathlib.Path("/proc/%d/root" % self.pid, path.lstrip("/"))

    def stop(self):
        self.unshare.kill()
        self.unshare.wait()
        deadline = time.monotonic() + 30
        while any((root / self.group).exists() for root in controllers()) and time.monotonic() < deadline:
            remove_groups(self.group)
            time.sleep(0.2)


@contextlib.contextmanager
def open_machine(home):
    remove_stale_groups()
    machine = Machine(home)
    try:
        machine.wait_until_up()
        yield machine
    finally:
        machine.stop()
