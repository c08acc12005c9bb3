# SPDX-License-Identifier: Apache-2.0
"""A cluster of one node that is up, with DNS, Services and network policies, and the commands for it."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from testbed import Unavailable, tools

from . import control, machine, node, oci, programs
from .pki import Pki

# Programs of Debian, and the packages that they are in: see cluster_packages in tests.mk.
NEEDED = ("etcd", "containerd", "ctr", "runc", "iptables", "nft", "ipset", "conntrack", "openssl", "nsenter", "ip", "gcc", "strip")
START_SECONDS = 300
# By minor version: kube-proxy's newer mode, and its older one.
PROXY_MODES = {"v1.33": "iptables"}


def wait(condition, seconds, what):
    """Until @condition() is true; @what() says what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(what())
        time.sleep(0.2)


class Cluster:
    def __init__(self, home, box, version):
        self.home, self.machine, self.version = home, box, version
        self.programs = programs.release(version)
        self.pki = Pki(home / "pki", machine.NAME, machine.ADDRESS, control.SERVICE_ADDRESS, control.SERVER)
        self.processes = {}
        self.machine_address = machine.ADDRESS
        node.write(home, self.pki, box.group, PROXY_MODES.get(version.rpartition(".")[0], "nftables"))
        os.makedirs(box.path(node.MANIFESTS))

    # ---- its processes

    def commands(self):
        return {"etcd": control.etcd(self.home),
                "kube-apiserver": control.apiserver(self.programs, self.pki, machine.ADDRESS),
                "kube-controller-manager": control.controller_manager(self.programs, self.pki),
                "kube-scheduler": control.scheduler(self.programs, self.pki),
                "containerd": node.containerd(self.home),
                "kubelet": node.kubelet(self.programs, self.home, self.pki),
                "kube-proxy": node.proxy(self.programs, self.home),
                "kube-router": node.router(programs.router(), self.pki)}

    def start(self, *names):
        for name in names:
            self.processes[name] = self.machine.start(name, *self.commands()[name])

    def stop(self, name):
        self.processes.pop(name).stop()

    def words(self, *names):
        return "\n".join(self.processes[name].tail() for name in names)

    def up(self):
        self.start("etcd", "containerd", "kube-apiserver")
        self.wait_for_api()
        self.start("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
        self.add_images()
        wait(self.is_ready, START_SECONDS, lambda: "the node is not ready: %s\n%s" % (
            self.kubectl("get", "nodes", "-o", "yaml"), self.words("kubelet", "containerd")))
        self.start("kube-router")  # which gives up at once where there is no node yet
        self.kubectl("apply", "-f", str(pathlib.Path(__file__).parent / "coredns.yaml"))
        self.roll("kube-system", "deployment/coredns")

    def wait_for_api(self):
        def answers():
            if self.processes["kube-apiserver"].ended() or self.processes["etcd"].ended():
                raise Unavailable(self.words("etcd", "kube-apiserver"))
            return self.try_kubectl("get", "--raw", "/readyz").returncode == 0
        wait(answers, START_SECONDS, lambda: "the API server does not answer: " + self.words("kube-apiserver"))

    def is_ready(self):
        if self.processes["kubelet"].ended():
            raise Unavailable(self.words("kubelet"))
        nodes = self.get("nodes")["items"]
        return any(c["type"] == "Ready" and c["status"] == "True" for n in nodes for c in n["status"]["conditions"])

    def add_images(self):
        wait(self.machine.path(node.RUNTIME).exists, START_SECONDS, lambda: self.words("containerd"))
        for archive in oci.archives(self.home / "images"):
            self.add_image(archive)

    def add_image(self, archive):
        self.machine.run("ctr", "--namespace", "k8s.io", "images", "import", archive)

    # ---- what is done with it

    def client(self, program, *words):
        """A command on this machine's files and in the node's network: words of kubectl or helm."""
        return self.machine.command(program, "--kubeconfig", self.pki.path("admin.conf"), *words, only=("net",))

    def try_kubectl(self, *words, **options):
        return subprocess.run(self.client(self.programs / "kubectl", *words), capture_output=True, text=True, **options)

    def kubectl(self, *words, **options):
        done = self.try_kubectl(*words, **options)
        if done.returncode != 0:
            raise RuntimeError("kubectl %s: %s" % (" ".join(words), done.stderr.strip()))
        return done.stdout

    def get(self, *words):
        return json.loads(self.kubectl("get", "-o", "json", *words))

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def fetch(self, url):
        """What answers to the node."""
        code = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1], timeout=60).read())"
        return self.machine.run("/usr/bin/python3", "-c", code, url, only=("net",))

    def status(self, url, token, method="GET"):
        """The HTTP status of what answers to the node."""
        return int(self.machine.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "60", "-X", method,
                                    "--cacert", self.pki.path("ca.crt"), "-H", "Authorization: Bearer " + token, url, only=("net",)))

    def pod_name(self, namespace, app):
        """The pod with that label, once it is made."""
        def pods():
            return self.get("-n", namespace, "pods", "-l", "app=" + app)["items"]
        wait(pods, START_SECONDS, lambda: "no pod of %s is made" % app)
        return pods()[0]["metadata"]["name"]

    def helm(self, *words):
        done = subprocess.run(self.client(tools.program("helm"), *words), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("helm %s: %s" % (" ".join(words), done.stderr.strip()))
        return done.stdout

    def roll(self, namespace, *names, seconds=180):
        """Waits until they are rolled out."""
        for name in names:
            try:
                self.kubectl("-n", namespace, "rollout", "status", name, "--timeout=%ds" % seconds)
            except RuntimeError as e:
                raise RuntimeError("%s\n%s\n%s" % (e, self.kubectl("-n", namespace, "describe", "pods")[-5000:],
                                                   self.words("kubelet"))) from None

    def pid(self, namespace, pod, container):
        """The first process of the container, as this machine sees it."""
        statuses = self.get("-n", namespace, "pod", pod)["status"].get("containerStatuses", ())
        id = next(c["containerID"].rpartition("/")[2] for c in statuses if c["name"] == container)
        return min(pids_of(id))


def pids_of(id):
    """The processes in control groups of that name."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if id in (entry / "cgroup").read_text():
                yield int(entry.name)


@contextlib.contextmanager
def open_cluster(version):
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        raise Unavailable("missing: %s; make test-cluster installs them" % ", ".join(missing))
    with tempfile.TemporaryDirectory(prefix=machine.PREFIX) as home:
        home = pathlib.Path(home)
        with machine.open_machine(home) as box:
            cluster = Cluster(home, box, version)
            cluster.up()
            yield cluster
