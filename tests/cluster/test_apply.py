# SPDX-License-Identifier: Apache-2.0
"""podflame by `kubectl apply -k` as it stands in the repository: its privileges, and profiles by Service and DNS."""

import pytest

from podflames import applied, status
from workloads import namespaces, owned

CAPABILITIES = {"SYS_PTRACE": 19, "SYS_NICE": 23, "DAC_READ_SEARCH": 2, "PERFMON": 38}


@pytest.fixture(scope="module")
def podflame(cluster):
    with namespaces(cluster, "shop"), applied(cluster) as podflame:
        cluster.apply(owned("Deployment", "web", "shop"))
        cluster.roll("shop", "deployment/web")
        yield podflame


def test_the_agent_has_the_privileges_of_its_manifest_and_no_more(podflame):
    agent = status(podflame.pid("agent"))
    assert int(agent["CapEff"], 16) == sum(1 << bit for bit in CAPABILITIES.values())
    assert int(agent["CapPrm"], 16) == int(agent["CapEff"], 16)
    assert int(agent["CapInh"], 16) == int(agent["CapAmb"], 16) == 0
    assert agent["NoNewPrivs"] == "1"
    assert agent["Seccomp"] == "2"


def test_the_collector_has_none(podflame):
    collector = status(podflame.pid("collector"))
    assert int(collector["CapEff"], 16) == int(collector["CapPrm"], 16) == 0
    assert (collector["NoNewPrivs"], collector["Seccomp"]) == ("1", "2")
    assert collector["Uid"].split() == ["65532"] * 4


def test_profiles_arrive_by_service_and_dns(cluster, podflame):
    [series] = podflame.wait_for("shop")
    pod, = cluster.get("-n", "shop", "pods")["items"]
    assert series["labels"]["pod"] == pod["metadata"]["name"]
    functions = podflame.ask("top?series=%s&limit=3" % series["id"])["functions"]
    assert functions[0]["name"] == "hot"
