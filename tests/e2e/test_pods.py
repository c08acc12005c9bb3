# SPDX-License-Identifier: Apache-2.0
"""Pods of a kubelet's making: containerd's CRI plug-in, crictl, the log folders. podflame learns their names."""

import json

import pytest

from conftest import TARGETS
from faults import OK, Server, script
from program import Background, eventually, podflame
from skips import must_skip
from testbed import Unavailable, kubelet, tools

IMAGE = "registry.test/team/billing:1.2"
SUITE = "bookworm"


@pytest.fixture(scope="module")
def node():
    try:
        with kubelet.open_node() as node:
            node.add_image(SUITE, kubelet.PAUSE, IMAGE)
            yield node
    except tools.NotBuilt as e:
        must_skip(str(e), debian=False)
    except Unavailable as e:
        must_skip(str(e))


def start(node, namespace, pod, container):
    return node.pod(namespace, pod, container, IMAGE, ["python3", "split.py"], TARGETS)


def resources(server, pod):
    return [r for request in server.requests for r in request.resources if r.get("container.id") == pod.id]


def test_pods_have_their_names(node, tmp_path):
    with start(node, "prod", "billing-7d9f-x2x1z", "api") as first, \
            start(node, "staging", "billing-7d9f-x2x1z", "worker") as second, Server(script(OK)) as server, \
            Background(tmp_path / "agent", "agent", "--collector", server.url, "--window", "1s", "--mode", "wall",
                       wrap=node.wrap()) as pusher:
        for pod in (first, second):
            eventually(lambda: resources(server, pod), 30, lambda: "the pod is known: " + pusher.stderr)
            for resource in resources(server, pod):
                assert resource["k8s.namespace.name"] == pod.namespace
                assert resource["k8s.pod.name"] == pod.name
                assert resource["k8s.pod.uid"] == pod.uid
                assert resource["k8s.container.name"] == pod.container
                assert resource["container.image.name"] == IMAGE
        assert pusher.interrupt() == 0, pusher.stderr
        listed = podflame("ps", "--json", wrap=node.wrap())
        rows = {row["pid"]: row for row in json.loads(listed.stdout)}
        for pod in (first, second):
            row = rows[pod.pid]
            assert (row["container_id"], row["image"], row["profilable"]) == (pod.id, IMAGE, True)
