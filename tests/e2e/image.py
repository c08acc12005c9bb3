# SPDX-License-Identifier: Apache-2.0
"""podflame's image, and containers of it with the privileges that the DaemonSet's manifest grants.

Docker runs them where it knows the capabilities. Debian 12's does not know CAP_PERFMON; the
containerd below it does, and is what runs them under Kubernetes: Containerd.
"""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile

import manifests
from program import MARGIN_SECONDS, eventually
from skips import must_skip
from testbed import PROJECT, images

TAG = "podflame-test-image"
# <linux/capability.h>: of those that matter here
BITS = {"SYS_PTRACE": 19, "SYS_NICE": 23, "DAC_READ_SEARCH": 2, "PERFMON": 38}
# What containerd grants if it is not told otherwise, to be taken away.
USUAL = ["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
         "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"]
SPOOL = "/var/spool/podflame"


def pinned_base():
    return re.search(r"^ARG BASE=(\S+)", (PROJECT / "docker/Dockerfile").read_text(), re.M)[1]


def base(docker):
    """The base image that the Dockerfile names if it is here, else one that mmdebstrap makes of the same release."""
    name = pinned_base()
    return name if docker.call("images", "--quiet", name) else images.docker(docker, "bookworm-slim")


def build(docker):
    """Builds it from this tree and returns its id."""
    with tempfile.NamedTemporaryFile() as id_file:
        docker.call("build", "--quiet", "--network=host", "--build-arg", "BASE=" + base(docker), "--tag", TAG,
                    "--iidfile", id_file.name, "--file", str(PROJECT / "docker/Dockerfile"), str(PROJECT))
        return pathlib.Path(id_file.name).read_text().strip()


def granted():
    """The capabilities that the DaemonSet's manifest adds, after dropping all."""
    capabilities = manifests.container(manifests.daemonset())["securityContext"]["capabilities"]
    assert capabilities["drop"] == ["ALL"]
    return capabilities["add"]


def arguments(collector, targets):
    """The agent's arguments in the manifest, with another collector, made for short tests of @targets only."""
    words = manifests.container(manifests.daemonset())["args"]
    more = ["--window=1s", "--rate=499", *["--select=container=" + target.id for target in targets]]
    changed = {"--collector": collector, "--listen": "127.0.0.1:9464", "--max-cpu": "50"}
    return ["%s=%s" % (name, changed[name]) if (name := word.partition("=")[0]) in changed else word
            for word in words] + more


def names_of_containers(docker):
    """Where Docker keeps them; podflame reads that through /proc/1/root, which some sandboxes close even to root."""
    return [] if os.access("/proc/1/root/", os.R_OK) else [os.path.join(docker.root, "containers")]


class InDocker:
    """A container of the image. Its network is its own, or that of another one."""

    def __init__(self, docker, image, words, *options):
        self.docker = docker
        self.id = docker.call("run", "--detach", "--label", "podflame-test", "--read-only", "--cap-drop=ALL",
                              "--security-opt=no-new-privileges", *options, image, *words)
        self.pid = int(docker.call("inspect", "--format", "{{.State.Pid}}", self.id))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.docker.call("rm", "--force", "--volumes", self.id)

    @property
    def output(self):
        return subprocess.run(self.docker.command("logs", self.id), capture_output=True, text=True).stderr


class Collector(InDocker):
    """Without any capability, as its user in the image; in a network with nothing but what joins it."""

    port = 4318

    def __init__(self, docker, image):
        super().__init__(docker, image, ["collector"], "--network=none", "--user=podflame",
                         "--tmpfs=/var/lib/podflame:uid=65532,mode=700", "--env=PODFLAME_DATA=/var/lib/podflame")

    def __enter__(self):
        eventually(self.healthy, 20, lambda: "the collector answers: " + self.output)
        return self

    def healthy(self):
        """As Docker's HEALTHCHECK finds out."""
        command = self.docker.command("exec", self.id, "/usr/lib/podflame/healthcheck")
        return subprocess.run(command, capture_output=True).returncode == 0

    def get(self, path, port=port):
        """What answers on 127.0.0.1 in its network."""
        code = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1], timeout=10).read())"
        done = subprocess.run(["nsenter", "--target", str(self.pid), "--net", sys.executable, "-c", code,
                               "http://127.0.0.1:%d%s" % (port, path)], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def json(self, path):
        return json.loads(self.get("/api/v1/" + path))

    def series_of(self, target):
        found = [series for series in self.json("series") if series.get("container_id") == target.id]
        return found[0] if found else None


def agent_in_docker(docker, image, collector, capabilities, targets):
    mounts = ["--volume=%s:%s:ro" % (path, path) for path in names_of_containers(docker)]
    return InDocker(docker, image, arguments("http://127.0.0.1:4318", targets),
                    *["--cap-add=" + c for c in capabilities], "--user=0", "--pid=host",
                    "--security-opt=apparmor=unconfined", "--tmpfs=" + SPOOL, "--network=container:" + collector.id,
                    "--env=PODFLAME_DOCKER_ROOT=" + docker.root, *mounts)


def knows(docker, image, capability):
    """Whether this Docker can grant it at all."""
    try:
        created = docker.call("create", "--cap-add=" + capability, "--network=none", image)
    except RuntimeError as e:
        assert "apability" in str(e), e
        return False
    docker.call("rm", created)
    return True


def containerd_of(docker):
    """The socket of the containerd that a Docker daemon uses: the system's, or one of its own."""
    roots = [pathlib.Path("/run/docker"), pathlib.Path("/run")]
    host = docker.host or os.environ.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        roots = [pathlib.Path(host[len("unix://"):]).parent / "exec"] + roots
    for root in roots:
        socket = root / "containerd/containerd.sock"
        if socket.exists():
            return socket
    return None


@contextlib.contextmanager
def realtime_group(name):
    """A control group that may run SCHED_FIFO threads, where groups need a budget for that (version 1)."""
    parent = next((path.parent for path in pathlib.Path("/sys/fs/cgroup").glob("cpu*/cpu.rt_runtime_us")), None)
    group = parent / name if parent else None
    if group:
        group.mkdir()
        (group / "cpu.rt_runtime_us").write_text("100000")
    try:
        yield "/" + name if group else ""
    finally:
        if group and group.exists():
            group.rmdir()


class Containerd:
    """The agent as containerd runs it for Kubernetes: exactly these capabilities, its default seccomp profile."""

    def __init__(self, docker, root, collector, capabilities, targets):
        socket = containerd_of(docker)
        if not socket or not shutil.which("ctr"):
            must_skip("no containerd: apt-get install containerd")
        self.ctr = ["ctr", "--address", str(socket)]
        self.name = "podflame-test-" + secrets.token_hex(4)
        self.stack = contextlib.ExitStack()
        self.log = self.stack.enter_context(tempfile.TemporaryFile())
        spool = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="podflame-spool-"))
        group = self.stack.enter_context(realtime_group(self.name))
        mounts = [(path, path, "rbind:ro") for path in names_of_containers(docker)]
        mounts.append((spool, SPOOL, "rbind"))
        options = ["--rm", "--read-only", "--seccomp", "--rootfs", "--cgroup=" + group,
                   "--with-ns=pid:/proc/self/ns/pid", "--with-ns=network:/proc/%d/ns/net" % collector.pid,
                   "--env=PODFLAME_DOCKER_ROOT=" + docker.root]
        options += ["--cap-add=CAP_" + c for c in capabilities]
        options += ["--cap-drop=CAP_" + c for c in USUAL if c not in capabilities]
        options += ["--mount=type=bind,src=%s,dst=%s,options=%s" % mount for mount in mounts]
        self.process = subprocess.Popen([*self.ctr, "run", *options, str(root), self.name, "/usr/bin/podflame",
                                         *arguments("http://127.0.0.1:4318", targets)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        eventually(self.find_pid, 20, lambda: "containerd runs the agent: " + self.output)
        return self

    def find_pid(self):
        assert self.process.poll() is None, self.output
        listed = subprocess.run([*self.ctr, "task", "ls"], capture_output=True, text=True).stdout
        found = re.search(r"^%s +([1-9]\d*) +RUNNING" % self.name, listed, re.M)
        self.pid = int(found[1]) if found else 0
        return self.pid

    def __exit__(self, *_):
        subprocess.run([*self.ctr, "task", "kill", "--signal", "KILL", self.name], capture_output=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(MARGIN_SECONDS)
        self.process.kill()
        self.process.wait()
        self.stack.close()

    @property
    def output(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode(errors="replace")


@contextlib.contextmanager
def unpacked(docker, image):
    """The image's file system as a directory."""
    with tempfile.TemporaryDirectory(prefix="podflame-image-") as folder:
        created = docker.call("create", "--network=none", image)
        try:
            export = subprocess.Popen(docker.command("export", created), stdout=subprocess.PIPE)
            subprocess.run(["tar", "-C", folder, "-xf", "-"], stdin=export.stdout, check=True)
            export.stdout.close()
            assert export.wait() == 0
        finally:
            docker.call("rm", created)
        yield pathlib.Path(folder)


def status(pid):
    lines = pathlib.Path("/proc/%d/status" % pid).read_text().splitlines()
    return dict(re.split(r":\s+", line, maxsplit=1) for line in lines if re.search(r":\s+\S", line))


def policies(pid):
    """How the kernel schedules each thread."""
    return {os.sched_getscheduler(int(tid)) for tid in os.listdir("/proc/%d/task" % pid)}
