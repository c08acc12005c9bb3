# SPDX-License-Identifier: Apache-2.0
"""Pyroscope's own server in the cluster in place of the collector: the chart's values, its Service, its own labels."""

import contextlib
import pathlib

import pytest

import pyroscope
from podflames import CHART, NAMESPACE
from program import eventually
from testbed import tools
from testbed.kubernetes import oci
from workloads import namespaces, owned

IMAGE = "podflame.test/pyroscope:1"
PORT = 4040
HOT, WARM = 0.7, 0.2  # of the time of tests/targets/split.py


class Server(pyroscope.Pyroscope):
    """It answers the node at its Service's address."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.url = "http://%s:%d" % (cluster.get("-n", "observe", "service", "pyroscope")["spec"]["clusterIP"], PORT)

    def fetch(self, url):
        return self.cluster.fetch(url)

    def told(self, labels):
        """Nanoseconds. When it has just begun it refuses at times, although it is ready."""
        with contextlib.suppress(RuntimeError):
            return self.render(**labels)[0]
        return 0


def server():
    words = [*pyroscope.arguments(pathlib.Path("/data"), PORT), "-server.http-listen-address=0.0.0.0"]
    container = {"name": "pyroscope", "image": IMAGE, "imagePullPolicy": "Never", "args": words,
                 "readinessProbe": {"httpGet": {"path": "/ready", "port": PORT}, "periodSeconds": 2},
                 "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return owned("Deployment", "pyroscope", "observe", {"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]})


@pytest.fixture(scope="module")
def observed(cluster):
    archive = cluster.home / "images/pyroscope"
    oci.of_program(archive, IMAGE, tools.program("pyroscope-server"), [oci.debian()])
    cluster.add_image(archive)
    with namespaces(cluster, "shop", "observe"):
        cluster.apply(server(), {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pyroscope", "namespace": "observe"},
                                 "spec": {"selector": {"app": "pyroscope"}, "ports": [{"port": PORT}]}},
                      owned("StatefulSet", "ledger", "shop"))
        cluster.roll("observe", "deployment/pyroscope")
        cluster.helm("install", "podflame", str(CHART), "-n", NAMESPACE, "--create-namespace", "--set", "collector.enabled=false",
                     "--set", "agent.collectors={http://pyroscope.observe:%d}" % PORT, "--set", "agent.protocol=pyroscope",
                     "--set", "agent.kubelet.enabled=true", "--set", "agent.sendLabels={app}")
        try:
            cluster.roll(NAMESPACE, "daemonset/podflame-agent")
            yield Server(cluster)
        finally:
            cluster.helm("uninstall", "podflame", "-n", NAMESPACE, "--wait")
            cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=true")


def test_profiles_arrive_with_their_labels_and_shares(observed):
    labels = {"namespace": "shop", "pod": "ledger-0", "workload": "StatefulSet/ledger"}
    eventually(lambda: observed.told(labels) > 10e9, 120, "10 s of CPU time arrive")
    total, leaves = observed.render(**labels)
    shares = {name.rpartition(".")[2]: own / total for name, own in leaves.items()}
    assert shares["hot"] == pytest.approx(HOT, abs=0.05), shares
    assert shares["warm"] == pytest.approx(WARM, abs=0.05), shares


def test_labels_that_are_asked_for_come_from_the_kubelet(observed):
    eventually(lambda: observed.told({"namespace": "shop", "k8s_pod_label_app": "ledger"}) > 2e9, 120, "its pod's label arrives")


def test_the_server_itself_is_no_python(observed):
    assert observed.render(namespace="observe")[0] == 0
