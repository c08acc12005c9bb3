# SPDX-License-Identifier: Apache-2.0
"""podflame in the cluster, by its own manifests and its own chart, and what its collector answers there."""

import contextlib
import json
import re

from program import eventually
from testbed import PROJECT

NAMESPACE = "podflame"
BASE = PROJECT / "deploy/kubernetes/base"
CHART = PROJECT / "deploy/helm/podflame"
SELECTOR = "app.kubernetes.io/name=podflame,app.kubernetes.io/component="


class Podflame:
    """What is there of it once it is installed; by kubectl and by helm it is the same."""

    def __init__(self, cluster):
        self.cluster, self.address = cluster, None

    def roll(self):
        self.cluster.roll(NAMESPACE, "deployment/podflame-collector", "daemonset/podflame-agent")

    def pod(self, component):
        pods = self.cluster.get("-n", NAMESPACE, "pods", "-l", SELECTOR + component)["items"]
        return next(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])

    def pid(self, component):
        return self.cluster.pid(NAMESPACE, self.pod(component), component)

    def log(self, component="agent"):
        return self.cluster.kubectl("-n", NAMESPACE, "logs", self.pod(component))

    def ask(self, path):
        """What the collector answers to the node, at its Service's address. kube-proxy hears late of a pod that is ready."""
        self.address = self.address or self.cluster.get("-n", NAMESPACE, "service", "podflame-collector")["spec"]["clusterIP"]

        def answer():
            with contextlib.suppress(RuntimeError):
                return [json.loads(self.cluster.fetch("http://%s:4318/api/v1/%s" % (self.address, path)))]
        return eventually(answer, 30, "the collector's Service answers")[0]

    def metric(self, name):
        """What the agent's /metrics tells by that name, all labels together."""
        address = self.cluster.get("-n", NAMESPACE, "pod", self.pod("agent"))["status"]["podIP"]
        text = self.cluster.fetch("http://%s:9464/metrics" % address)
        return sum(map(float, re.findall(r"^%s(?:{[^}]*})? (\S+)" % name, text, re.M)))

    def series(self, namespace, **labels):
        labels["namespace"] = namespace
        return [s for s in self.ask("series") if all(s["labels"][key] == value for key, value in labels.items())]

    def wait_for(self, namespace, seconds=90, **labels):
        """Until there is a series with these labels."""
        eventually(lambda: self.series(namespace, **labels), seconds, lambda: "profiles of %s %s arrive; there are %s\n%s" % (
            namespace, labels, self.ask("series"), self.log()))
        return self.series(namespace, **labels)


@contextlib.contextmanager
def applied(cluster, overlay=BASE):
    """By kubectl apply -k."""
    cluster.kubectl("apply", "-k", str(overlay))
    try:
        podflame = Podflame(cluster)
        podflame.roll()
        yield podflame
    finally:
        cluster.kubectl("delete", "-k", str(overlay), "--wait=true", "--timeout=120s")


def status(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(re.split(r":\s+", line.rstrip("\n"), maxsplit=1) for line in file if re.search(r":\s+\S", line))
