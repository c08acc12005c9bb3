# SPDX-License-Identifier: Apache-2.0
"""Pods as a kubelet makes them: containerd's CRI plug-in, driven by crictl.

A containerd of our own with everything in a folder of its own, Debian's runc, and
the network of the host. The folder is laid out like a node: run/containerd and
var/log are where podflame looks for them, see Node.wrap.
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid

from . import Unavailable, images, tools
from .containers import ENVIRONMENT
from .daemon import stop

START_SECONDS = 120
PAUSE = "podflame.test/pause:1"

NEEDED = r"\./(bin|sbin|lib|lib64|usr/(s?bin/(python3[.0-9]*|sh|dash|sleep)|lib/python3.*|lib/[^/]*-linux-gnu/[^/]*|lib64/.*))$"

# What containerd's CRI plug-in needs on a machine without AppArmor, huge pages and CAP_SYS_RESOURCE.
CRI = """[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
disable_apparmor = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
restrict_oom_score_adj = true
"""

CONFIG = """
version = 2
root = "{home}/root"
state = "{home}/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{home}/socket"
""" + CRI + """[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{home}/cni"
conf_dir = "{home}/cni"
"""


def add(archive, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def needed(member):
    """What Python and a shell need of Debian: each file of an image costs containerd time."""
    return member.isdir() and member.name.count("/") < 3 or re.match(NEEDED, member.name)


def layer(suite):
    data = io.BytesIO()
    with tarfile.open(images.tarball(suite)) as source, tarfile.open(fileobj=data, mode="w") as target:
        for member in filter(needed, source):
            target.addfile(member, source.extractfile(member) if member.isreg() else None)
    return data.getvalue()


def image_archive(suite, names):
    """An image of a suite, under several names, as `docker save` would write it; run as it is, it sleeps."""
    recipe = hashlib.sha256(" ".join([NEEDED, *names]).encode()).hexdigest()[:8]
    path = images.tarball(suite).with_suffix(".image-%s.tar" % recipe)
    return images.locked(path, lambda: write_archive(suite, names, path))


def write_archive(suite, names, path):
    content, manifest, partial = layer(suite), [], path.with_name("partial-" + path.name)
    with tarfile.open(partial, "w") as archive:
        add(archive, "layer.tar", content)
        for n, name in enumerate(names):
            # Were they one image, containerd would take one name for both.
            config = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
                      "config": {"Cmd": ["/bin/sleep", "infinity"], "Labels": {"name": name}},
                      "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]}}
            add(archive, "%d.json" % n, json.dumps(config).encode())
            manifest.append({"Config": "%d.json" % n, "RepoTags": [name], "Layers": ["layer.tar"]})
        add(archive, "manifest.json", json.dumps(manifest).encode())
    partial.rename(path)


class Pod:
    """What a container of a pod is to a test; see containers.Program."""

    def __init__(self, node, namespace, name, container, image, command, folder):
        self.node, self.namespace, self.name, self.container, self.image = node, namespace, name, container, image
        self.uid = str(uuid.uuid4())
        self.logs = node.home / "var/log/pods" / ("%s_%s_%s" % (namespace, name, self.uid))
        (self.logs / container).mkdir(parents=True)
        labels = {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace,
                  "io.kubernetes.pod.uid": self.uid}
        sandbox = node.write("sandbox", {
            "metadata": {"name": name, "namespace": namespace, "uid": self.uid, "attempt": 0}, "labels": labels,
            "log_directory": str(self.logs),
            "linux": {"cgroup_parent": "/kubepods/besteffort/pod" + self.uid,
                      "security_context": {"namespace_options": {"network": 2}}}})
        request = node.write("container", {
            "metadata": {"name": container, "attempt": 0}, "image": {"image": image},
            "labels": {**labels, "io.kubernetes.container.name": container}, "command": command,
            "working_dir": "/app", "log_path": container + "/0.log",
            "envs": [{"key": key, "value": value} for key, value in ENVIRONMENT.items()],
            "mounts": [{"host_path": str(folder), "container_path": "/app", "readonly": True}], "linux": {}})
        self.sandbox = node.crictl("runp", sandbox)
        self.id = node.crictl("create", self.sandbox, request, sandbox)
        (node.home / "var/log/containers" / ("%s_%s_%s-%s.log" % (name, namespace, container, self.id))).symlink_to(
            self.logs / container / "0.log")
        node.crictl("start", self.id)
        self.pid = json.loads(node.crictl("inspect", self.id))["info"]["pid"]

    def output(self):
        log = self.logs / self.container / "0.log"
        return log.read_text() if log.exists() else ""


class Node:
    def __init__(self, home):
        self.home = home
        for folder in ("run/containerd", "var/log/pods", "var/log/containers", "cni"):
            (home / folder).mkdir(parents=True)
        self.client = tools.program("crictl")
        (home / "config.toml").write_text(CONFIG.format(home=home, pause=PAUSE))

    def write(self, name, content):
        path = self.home / (name + ".json")
        path.write_text(json.dumps(content))
        return str(path)

    def run(self, *command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(map(str, command)), done.stderr.strip()[-2000:]))
        return done.stdout.strip()

    def crictl(self, *arguments):
        address = "unix://%s/socket" % self.home
        try:
            return self.run(self.client, "--runtime-endpoint", address, "--image-endpoint", address, "--timeout", "60s",
                            *arguments)
        except RuntimeError as e:
            raise RuntimeError("%s\ncontainerd: %s" % (e, (self.home / "log").read_text()[-2000:])) from None

    def add_image(self, suite, *names):
        self.run("ctr", "--address", self.home / "socket", "--namespace", "k8s.io", "images", "import",
                 image_archive(suite, names))

    def answers(self):
        with contextlib.suppress(RuntimeError, FileNotFoundError):
            return json.loads(self.crictl("info"))["status"]["conditions"][0]["status"]

    def wrap(self):
        """A command that shows its arguments this node's /run and /var/log in the place of the host's."""
        return ["unshare", "--mount", "sh", "-c",
                'mount --bind "$0/run" /run && mount --bind "$0/var/log" /var/log && exec "$@"', str(self.home)]

    @contextlib.contextmanager
    def pod(self, namespace, name, container, image, command, folder):
        pod = Pod(self, namespace, name, container, image, command, folder)
        try:
            deadline = time.monotonic() + START_SECONDS
            while "ready" not in pod.output():
                if time.monotonic() > deadline:
                    raise RuntimeError("%s/%s is not ready: %s" % (namespace, name, pod.output()))
                time.sleep(0.05)
            yield pod
        finally:
            self.crictl("stop", "--timeout", "0", pod.id)
            self.crictl("rmp", "--force", pod.sandbox)


@contextlib.contextmanager
def open_node():
    """A node without pods."""
    for program, package in (("containerd", "containerd"), ("ctr", "containerd"), ("runc", "runc")):
        if not shutil.which(program):
            raise Unavailable("%s is missing: apt-get install %s" % (program, package))
    with in_memory() as home:
        node = Node(home)
        with open(home / "log", "wb") as log:
            process = subprocess.Popen(["containerd", "--config", str(home / "config.toml")], stdout=log, stderr=log)
        try:
            wait_until_up(node, process)
            yield node
        finally:
            stop(process)


@contextlib.contextmanager
def in_memory():
    """A folder that is a file system in memory: containerd waits for the disk with each file of an image."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="podflame-cri-"))
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g,mode=711", "podflame-test", str(home)], check=True)
        try:
            yield home
        finally:
            subprocess.run(["umount", "--recursive", "--lazy", str(home)], check=True)
    finally:
        home.rmdir()


def wait_until_up(node, process):
    deadline = time.monotonic() + START_SECONDS
    while not node.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable("containerd does not start:\n" + (node.home / "log").read_text()[-2000:])
        time.sleep(0.1)
