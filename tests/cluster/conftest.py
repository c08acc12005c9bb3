# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a Kubernetes of one node for each of VERSIONS, for all tests of a session."""

import os
import pathlib
import signal
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]

from program import PODFLAME  # noqa: E402
from skips import Skips  # noqa: E402
from testbed.kubernetes import programs  # noqa: E402
from testbed.kubernetes.cluster import open_cluster  # noqa: E402


def pytest_configure(config):
    # Ended by SIGTERM, a run takes its cluster with it as by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    config.pluginmanager.register(Skips())


def pytest_sessionstart():
    if not os.access(PODFLAME, os.X_OK):
        pytest.exit("%s is missing: run make first" % PODFLAME, 1)
    if os.geteuid() != 0:
        pytest.exit("a node needs root", 1)


def versions():
    return os.environ.get("CLUSTER_VERSIONS", "").split() or programs.VERSIONS


@pytest.fixture(scope="session", params=versions())
def cluster(request):
    with open_cluster(request.param) as cluster:
        yield cluster
