# SPDX-License-Identifier: Apache-2.0
"""What bodies that mean harm can make of the collector's memory: less than half of what its manifests give it."""

import concurrent.futures
import re

import pytest

from collector import Collector
from clients import get, large_bodies, many_stacks, packed, post
from program import eventually
from testbed import PROJECT

LIMIT = 512 << 20  # of the Kubernetes manifests; systemd's is twice that
AT_REST = 40 << 20
SENDERS = 4


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as collector:
        yield collector


def memory(collector, field):
    with open("/proc/%d/status" % collector.process.pid) as status:
        return int(re.search(r"^%s:\s+(\d+) kB" % field, status.read(), re.M)[1]) << 10


def test_the_limit_is_the_manifests_one():
    for path in ("deploy/kubernetes/base/collector.yaml", "deploy/helm/podflame/values.yaml"):
        assert "memory: %dMi" % (LIMIT >> 20) in (PROJECT / path).read_text()
    assert "MemoryMax=1G" in (PROJECT / "deploy/systemd/podflame-collector.service").read_text()


@pytest.mark.parametrize("name, body", [(name, packed(body)) for name, body in large_bodies()],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_small_bodies_stay_small(collector, name, body):
    """One, then several at once: within the limit at any time, and the memory is given back."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [post(collector.port, body)] + list(pool.map(lambda _: post(collector.port, body), range(SENDERS)))
    assert set(answers) <= {200, 400, 413, 503}
    assert memory(collector, "VmHWM") < LIMIT / 2, name
    eventually(lambda: memory(collector, "VmRSS") < AT_REST, 10, "the memory is given back")


def test_a_large_profile_passes(collector):
    """60 000 stacks, as a busy node's window may have them, several at once."""
    bodies = [many_stacks(60000, 20, "%064d" % i) for i in range(SENDERS)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert set(pool.map(lambda body: post(collector.port, body), bodies)) == {200}
    assert memory(collector, "VmHWM") < LIMIT / 2
    assert get(collector.port, "/api/v1/series") == 200
    assert sum(series["samples"] for series in collector.json("series")) == SENDERS * 60000
    eventually(lambda: memory(collector, "VmRSS") < AT_REST, 10, "the memory is given back")
