# SPDX-License-Identifier: Apache-2.0
"""The manifests' network policies, enforced: who reaches the agent and the collector, and whom those reach.

Pods of Python with the labels of the agent, the collector and Prometheus try. The policies know nothing but labels.
"""

import pytest

from podflames import NAMESPACE, applied
from program import eventually
from testbed.kubernetes import control
from workloads import container, namespaces, owned, pod, pod_spec

METRICS, PROFILES, WEB, DNS = 9464, 4318, 8000, 53
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
except OSError as e:
    sys.exit("closed" if isinstance(e, (TimeoutError, ConnectionRefusedError)) else "neither: %r" % e)
"""


def labels(component):
    return {"app.kubernetes.io/name": "podflame", "app.kubernetes.io/instance": "podflame", "app.kubernetes.io/component": component}


def client(name, namespace, labels=(), owner=()):
    """A pod that does nothing by itself, and is no one's endpoint. With an @owner no DaemonSet takes it for one of its own."""
    never = {"exec": {"command": ["false"]}, "periodSeconds": 3600}
    rests = container(command=["sleep", "infinity"], readinessProbe=never)
    return pod(name, namespace, pod_spec(rests), labels=dict(labels), ownerReferences=list(owner))


def account(cluster, namespace):
    """An owner that is there as long as the namespace."""
    uid = cluster.get("-n", namespace, "serviceaccount", "default")["metadata"]["uid"]
    return {"apiVersion": "v1", "kind": "ServiceAccount", "name": "default", "uid": uid, "controller": True}


@pytest.fixture(scope="module")
def podflame(cluster):
    with namespaces(cluster, "shop", "monitoring"), applied(cluster) as podflame:
        # Before other pods have the same labels.
        podflame.addresses = {name: address(cluster, NAMESPACE, podflame.pod(name)) for name in ("agent", "collector")}
        serve = container(command=["python3", "-m", "http.server", str(WEB)])
        prometheus = {"app.kubernetes.io/name": "prometheus"}
        cluster.apply(
            owned("Deployment", "web", "shop"), owned("Deployment", "shelf", "shop", pod_spec(serve)),
            client("stranger", "shop"), client("impostor", "shop", labels("agent")), client("prometheus", "shop", prometheus),
            client("prometheus", "monitoring", prometheus), client("other", "monitoring"),
            client("like-agent", NAMESPACE, labels("agent"), [account(cluster, NAMESPACE)]), client("like-collector", NAMESPACE, labels("collector")),
            client("unlabelled", NAMESPACE))
        cluster.roll("shop", "deployment/web", "deployment/shelf")
        yield podflame


def address(cluster, namespace, name):
    eventually(lambda: cluster.get("-n", namespace, "pod", name)["status"].get("podIP"), 60, "%s has an address" % name)
    return cluster.get("-n", namespace, "pod", name)["status"]["podIP"]


@pytest.fixture
def targets(cluster, podflame):
    [shelf] = cluster.get("-n", "shop", "pods", "-l", "app=shelf")["items"]
    return {"agent": (podflame.addresses["agent"], METRICS),
            "collector": (podflame.addresses["collector"], PROFILES),
            "Service": ("podflame-collector." + NAMESPACE, PROFILES),
            "web": (shelf["status"]["podIP"], WEB),
            "DNS": (control.DNS_ADDRESS, DNS)}


def reaches(cluster, namespace, name, target):
    address, port = target
    done = cluster.try_kubectl("-n", namespace, "exec", name, "--", "python3", "-c", CONNECT, address, str(port))
    assert done.returncode == 0 or "closed" in done.stderr, done.stderr
    return done.returncode == 0


# pod: what it reaches; all the others it does not.
REACHES = {
    ("shop", "stranger"): {"web", "DNS"},
    ("shop", "impostor"): {"web", "DNS"},
    ("shop", "prometheus"): {"web", "DNS"},
    ("monitoring", "prometheus"): {"agent", "web", "DNS"},
    ("monitoring", "other"): {"web", "DNS"},
    (NAMESPACE, "unlabelled"): {"web", "DNS"},
    (NAMESPACE, "like-agent"): {"collector", "Service", "DNS"},
    (NAMESPACE, "like-collector"): set(),
}


@pytest.mark.parametrize("namespace, name", REACHES)
def test_each_pod_reaches_what_the_policies_allow(cluster, targets, namespace, name):
    # One that may not even ask DNS cannot try a name.
    tried = [what for what in targets if what != "Service" or "DNS" in REACHES[namespace, name]]

    def reached():
        return {what for what in tried if reaches(cluster, namespace, name, targets[what])}
    eventually(lambda: cluster.get("-n", namespace, "pod", name)["status"].get("phase") == "Running", 60, "it runs")
    eventually(lambda: reached() == REACHES[namespace, name], 60, lambda: "it reaches %s; it reaches %s" % (
        REACHES[namespace, name], reached()))


def test_profiles_arrive_all_the_same(podflame):
    """After the others: the policies have long been in force, so what comes now has passed them."""
    def samples():
        return sum(series["samples"] for series in podflame.wait_for("shop"))
    before = samples()
    eventually(lambda: samples() > before, 60, podflame.log)
