# SPDX-License-Identifier: Apache-2.0
"""podflame by `helm install` as deploy/README.md says: pod security, profiles, and upgrade, rollback, uninstall."""

import json

import pytest

from podflames import CHART, NAMESPACE, Podflame, status
from program import eventually
from test_apply import CAPABILITIES
from workloads import namespaces, owned

ENFORCE = "pod-security.kubernetes.io/enforce="


@pytest.fixture(scope="module")
def installed(cluster):
    """The release, after its namespace first refused the agent's pods."""
    with namespaces(cluster, "stock"):
        before = everything(cluster)
        cluster.apply({"apiVersion": "v1", "kind": "Namespace",
                       "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
        cluster.helm("install", "podflame", str(CHART), "-n", NAMESPACE, "--create-namespace")
        # A priority class that is as new may not be known yet: then that is refused first.
        refused = eventually(lambda: [message for message in events(cluster, "FailedCreate") if "PodSecurity" in message], 60,
                             lambda: "baseline refuses the agent's pod: %s" % events(cluster, "FailedCreate"))
        cluster.kubectl("label", "--overwrite", "namespace", NAMESPACE, ENFORCE + "privileged")
        # The controller tries again ever more seldom; a restart makes it try now.
        cluster.kubectl("-n", NAMESPACE, "rollout", "restart", "daemonset/podflame-agent")
        podflame = Podflame(cluster)
        podflame.roll()
        podflame.before, podflame.refused = before, refused
        cluster.apply(owned("StatefulSet", "ledger", "stock"))
        cluster.roll("stock", "statefulset/ledger")
        yield podflame


def events(cluster, reason):
    return [e["message"] for e in cluster.get("-n", NAMESPACE, "events", "--field-selector", "reason=" + reason)["items"]]


def everything(cluster):
    """All objects that there are, but those that come and go by themselves."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in kinds if not kind.startswith(("events", "componentstatuses", "leases"))]
    names = cluster.kubectl("get", ",".join(kinds), "-A", "-o", "name", "--ignore-not-found").split()
    return {name for name in names if "podflame" in name}


def test_pod_security_refuses_the_agent_below_privileged(installed):
    assert all("violates PodSecurity \"baseline" in message for message in installed.refused), installed.refused
    words = " ".join(installed.refused)
    assert "hostPID=true" in words
    for capability in CAPABILITIES:
        assert capability in words


def test_the_same_privileges_and_profiles(installed):
    agent = status(installed.pid("agent"))
    assert int(agent["CapEff"], 16) == sum(1 << bit for bit in CAPABILITIES.values())
    assert (agent["NoNewPrivs"], agent["Seccomp"]) == ("1", "2")
    series = installed.wait_for("stock")
    assert series[0]["labels"]["pod"] == "ledger-0"


def arguments(cluster):
    daemonset = cluster.get("-n", NAMESPACE, "daemonset", "podflame-agent")
    return daemonset["spec"]["template"]["spec"]["containers"][0]["args"]


def test_upgrade_rollback_and_uninstall_leave_nothing(cluster, installed):
    cluster.helm("upgrade", "podflame", str(CHART), "-n", NAMESPACE, "--set", "agent.rate=19", "--set", "agent.drop={namespace=kube-system}")
    installed.roll()
    assert "--rate=19" in arguments(cluster)
    since = installed.series("stock")[0]["samples"]
    eventually(lambda: installed.series("stock")[0]["samples"] > since, 60, "profiles arrive after the upgrade")
    cluster.helm("rollback", "podflame", "1", "-n", NAMESPACE)
    installed.roll()
    assert "--rate=19" not in arguments(cluster)
    assert [row["revision"] for row in json.loads(cluster.helm("history", "podflame", "-n", NAMESPACE, "-o", "json"))] == [1, 2, 3]
    agent, collector = installed.pid("agent"), installed.pid("collector")
    cluster.helm("uninstall", "podflame", "-n", NAMESPACE, "--wait")
    eventually(lambda: gone(agent) and gone(collector), 60, "both have ended")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=true")
    assert everything(cluster) == installed.before == set()


def gone(pid):
    try:
        status(pid)
    except OSError:
        return True
    return False
