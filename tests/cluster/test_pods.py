# SPDX-License-Identifier: Apache-2.0
"""Pods of every kind in three namespaces, as the agent names them with the kubelet's help (overlays/kubelet)."""

import json
import time

import pytest

from podflames import BASE, applied
from program import eventually
from testbed.kubernetes import node, oci
from workloads import container, job, namespaces, owned, pod, pod_spec

SPACES = ("shop", "stock", "night")


@pytest.fixture(scope="module")
def podflame(cluster):
    with namespaces(cluster, *SPACES), applied(cluster, BASE.parent / "overlays/kubelet") as podflame:
        sidecar = container("proxy", restartPolicy="Always")
        cluster.apply(
            owned("Deployment", "web", "shop", pod_spec(initContainers=[sidecar])),
            owned("StatefulSet", "ledger", "stock"),
            owned("DaemonSet", "scan", "stock", pod_spec(hostPID=True)),
            owned("Deployment", "pair", "stock", pod_spec(container("left"), container("right"), shareProcessNamespace=True)),
            job("report", "night"),
            job("blink", "night", pod_spec(container(script="split.py 2"))),
            pod("alone", "night", pod_spec(initContainers=[container("first", "split.py 5")])),
            owned("Deployment", "crash", "night", pod_spec(container(command=["sh", "-c", "python3 split.py 3; exit 3"]))))
        yield podflame


def labels(series):
    return {key: series["labels"][key] for key in ("namespace", "workload", "pod", "container")}


@pytest.mark.parametrize("namespace, workload, containers", [
    ("shop", "Deployment/web", ["app", "proxy"]),
    ("stock", "StatefulSet/ledger", ["app"]),
    ("stock", "DaemonSet/scan", ["app"]),
    ("stock", "Deployment/pair", ["left", "right"]),
    ("night", "Job/report", ["app"]),
    ("night", "Deployment/crash", ["app"]),
])
def test_pods_have_names_owner_and_image(cluster, podflame, namespace, workload, containers):
    for name in containers:
        series = podflame.wait_for(namespace, workload=workload, container="%s/%s/%s" % (namespace, workload, name))
        pods = {p["metadata"]["name"] for p in cluster.get("-n", namespace, "pods")["items"]}
        for one in series:
            assert one["labels"]["pod"] in pods
            assert one["image"] == oci.PYTHON
            assert one["service"] == name
            assert one["labels"]["node"] == "node-1"


def test_a_job_of_two_seconds(podflame):
    """It has ended before the kubelet tells its owner: then it has the pod's names, which the node's files have."""
    eventually(lambda: [s for s in podflame.series("night") if s["labels"]["pod"].startswith("blink-")], 60,
               lambda: "the short job was seen: " + podflame.log())
    [series] = [s for s in podflame.series("night") if s["labels"]["pod"].startswith("blink-")]
    assert series["labels"]["workload"] in ("", "Job/blink")
    # Ten other pods that never rest share its CPUs.
    assert 0.1 < series["cpu_seconds"] < 4


def test_init_containers_and_ephemeral_containers(cluster, podflame):
    podflame.wait_for("night", pod="alone", container="night/alone/first")
    podflame.wait_for("night", pod="alone", container="night/alone/app")
    assert {s["labels"]["workload"] for s in podflame.series("night", pod="alone")} == {""}
    cluster.kubectl("-n", "night", "debug", "alone", "--image", oci.PYTHON, "--image-pull-policy=Never", "--container=debugger",
                    "--profile=general", "--", "python3", "/app/split.py")
    podflame.wait_for("night", pod="alone", container="night/alone/debugger")


def test_a_static_pod(cluster, podflame):
    manifest = cluster.machine.path(node.MANIFESTS) / "static.json"
    manifest.write_text(json.dumps(pod("static", "shop")))
    try:
        series = podflame.wait_for("shop", pod="static-node-1")
        assert labels(series[0]) == {"namespace": "shop", "workload": "", "pod": "static-node-1", "container": "shop/static-node-1/app"}
    finally:
        manifest.unlink()


def test_a_deployment_rolled_out_anew_keeps_one_container(cluster, podflame):
    """Pods change their names; what they are grouped by, the workload's container and the service, does not."""
    before = {s["labels"]["pod"] for s in podflame.wait_for("shop", workload="Deployment/web", container="shop/Deployment/web/app")}
    cluster.kubectl("-n", "shop", "rollout", "restart", "deployment/web")
    cluster.roll("shop", "deployment/web")
    eventually(lambda: {s["labels"]["pod"] for s in podflame.series("shop", workload="Deployment/web")} - before, 60,
               "the new pod is seen")
    groups = podflame.ask("groups?by=container&label.workload=Deployment/web")["groups"]
    assert sorted(g["value"] for g in groups) == ["shop/Deployment/web/app", "shop/Deployment/web/proxy"]
    services = {s["service"] for s in podflame.series("shop", workload="Deployment/web", container="shop/Deployment/web/app")}
    assert services == {"app"}


def test_labels_decide(cluster, podflame):
    """--select label=… takes what the kubelet says."""
    exec_ = ["-n", "podflame", "exec", podflame.pod("agent"), "--", "sh", "-c"]
    words = "podflame ps --json --kubelet https://$HOST_IP:10250 --kubelet-token-file /etc/podflame-kubelet/token " \
            "--kubelet-ca-file /etc/podflame-kubelet/ca.crt --select label=app=ledger"
    rows = json.loads(cluster.kubectl(*exec_, words))
    assert {row["pod"] for row in rows if row.get("selected", True)} == {"ledger-0"}


def test_deleting_the_agents_pod_loses_nothing_that_was_committed(cluster, podflame):
    """What one agent has sampled until its end has arrived: the samples of a program that runs all the time have no gap."""
    [series] = podflame.wait_for("stock", workload="StatefulSet/ledger")
    samples = series["samples"]
    cluster.kubectl("-n", "podflame", "delete", "pod", podflame.pod("agent"), "--wait=true")
    podflame.roll()
    after, = podflame.wait_for("stock", workload="StatefulSet/ledger")
    assert after["samples"] >= samples
    begin = time.time()
    eventually(lambda: podflame.series("stock", workload="StatefulSet/ledger")[0]["samples"] > after["samples"], 60, "it goes on")
    assert time.time() - begin < 300
