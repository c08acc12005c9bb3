# SPDX-License-Identifier: Apache-2.0
"""What is away, refuses or hangs: names are late and never wrong, sampling goes on, and the log has one line about it."""

import contextlib
import json
import signal
import time

import pytest

from podflames import BASE, NAMESPACE, applied
from program import eventually
from workloads import namespaces, owned

SECONDS = 25  # for which something is away: two windows of 10 s


@pytest.fixture(scope="module")
def podflame(cluster):
    with namespaces(cluster, "shop"), applied(cluster, BASE.parent / "overlays/kubelet") as podflame:
        cluster.apply(owned("StatefulSet", "ledger", "shop"))
        cluster.roll("shop", "statefulset/ledger")
        podflame.wait_for("shop", workload="StatefulSet/ledger")
        yield podflame


def lines(podflame, words):
    """The messages of the agent's log that have these words."""
    return [m for m in (json.loads(line)["message"] for line in podflame.log().splitlines()) if words in m]


def samples(podflame):
    return sum(s["samples"] for s in podflame.series("shop", workload="StatefulSet/ledger"))


def goes_on(podflame):
    before = samples(podflame)
    eventually(lambda: samples(podflame) > before, 60, "sampling goes on")


@contextlib.contextmanager
def pod_of(cluster, name):
    """A Deployment, not waited for."""
    cluster.apply(owned("Deployment", name, "shop"))
    try:
        yield
    finally:
        cluster.kubectl("-n", "shop", "delete", "deployment", name)


def test_the_api_server_is_away(cluster, podflame):
    cluster.stop("kube-apiserver")
    try:
        goes_on(podflame)
        time.sleep(SECONDS)
        goes_on(podflame)
    finally:
        cluster.start("kube-apiserver")
        cluster.wait_for_api()
    eventually(cluster.is_ready, 120, "the node is ready again")


def test_the_kubelet_refuses(cluster, podflame):
    """Then pods have the names that the node's files have, and what made them is known once it is allowed again."""
    binding = cluster.get("clusterrolebinding", "podflame-agent")
    cluster.kubectl("delete", "clusterrolebinding", "podflame-agent")
    try:
        time.sleep(3)  # the kubelet remembers what it has allowed for a second
        with pod_of(cluster, "late"):
            series = podflame.wait_for("shop", container="shop/" + cluster.pod_name("shop", "late") + "/app")
            assert series[0]["labels"]["workload"] == ""
            goes_on(podflame)
            told = lines(podflame, "the kubelet does not tell names")
            assert told == ["the kubelet does not tell names: HTTP status 403"]
            del binding["metadata"]["resourceVersion"], binding["metadata"]["uid"]
            cluster.apply(binding)
            podflame.wait_for("shop", seconds=180, workload="Deployment/late")
            assert lines(podflame, "the kubelet tells names again") == ["the kubelet tells names again"]
    finally:
        binding["metadata"].pop("resourceVersion", None), binding["metadata"].pop("uid", None)
        cluster.apply(binding)


def test_the_role_allows_the_list_of_pods_and_nothing_else(cluster, podflame):
    """With the agent's own token, at the kubelet and at the API server."""
    token = cluster.kubectl("-n", NAMESPACE, "create", "token", "podflame-agent").strip()
    kubelet = "https://%s:10250" % cluster.machine_address
    for path in ("/pods", "/runningpods/"):
        assert cluster.status(kubelet + path, token) == 200, path
    for path in ("/metrics", "/stats/summary", "/configz", "/logs/", "/containerLogs/shop/ledger-0/app"):
        assert cluster.status(kubelet + path, token) == 403, path
    assert cluster.status(kubelet + "/run/shop/ledger-0/app?cmd=id", token, "POST") == 403
    assert cluster.status(kubelet + "/pods", "none") == 401
    for path in ("/api/v1/nodes", "/api/v1/pods", "/api/v1/secrets", "/api/v1/nodes/node-1/proxy/pods"):
        assert cluster.status("https://127.0.0.1:6443" + path, token) == 403, path


def test_the_kubelet_has_a_new_certificate(cluster, podflame):
    cluster.pki.issue("kubelet-server", "/CN=system:node:node-1", cluster.pki.node_names)
    time.sleep(5)  # it watches the files
    with pod_of(cluster, "rotated"):
        podflame.wait_for("shop", workload="Deployment/rotated")


def test_the_kubelet_hangs(cluster, podflame):
    """With the pod there already: the agent is the one that is new and has nothing to remember."""
    kubelet = cluster.processes["kubelet"]
    before = len(lines(podflame, "the kubelet does not tell names"))
    with pod_of(cluster, "slow"):
        cluster.roll("shop", "deployment/slow")
        kubelet.signal(signal.SIGSTOP)
        try:
            goes_on(podflame)
            time.sleep(SECONDS)
            goes_on(podflame)
        finally:
            kubelet.signal(signal.SIGCONT)
        podflame.wait_for("shop", seconds=180, workload="Deployment/slow")
    assert len(lines(podflame, "the kubelet does not tell names")) - before <= 1


def test_the_runtime_hangs(cluster, podflame):
    """The agent reads the runtime's files, and does not ask it."""
    cluster.processes["containerd"].signal(signal.SIGSTOP)
    try:
        goes_on(podflame)
        time.sleep(SECONDS)
        goes_on(podflame)
    finally:
        cluster.processes["containerd"].signal(signal.SIGCONT)
    eventually(cluster.is_ready, 120, "the node is ready again")


def test_the_spool_has_a_full_disk(cluster, podflame):
    """While the collector is away, too: what the disk does not take waits in memory, and arrives."""
    filler = cluster.machine.path("/var/lib/kubelet/filler")
    cluster.kubectl("-n", NAMESPACE, "scale", "deployment/podflame-collector", "--replicas=0")
    try:
        eventually(lambda: lines(podflame, "does not take profiles"), 60, "the agent has missed its collector")
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        eventually(lambda: podflame.metric("podflame_spool_failures_total") > 0, 60, "the disk is full")
    finally:
        filler.unlink()
        cluster.kubectl("-n", NAMESPACE, "scale", "deployment/podflame-collector", "--replicas=1")
        podflame.roll()
    goes_on(podflame)
    assert podflame.metric("podflame_dropped_batches_total") == 0
