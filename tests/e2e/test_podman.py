# SPDX-License-Identifier: Apache-2.0
"""Containers of Debian's podman have their names, from its own storage."""

import json
import os

import pytest

from conftest import TARGETS
from program import podflame, record
from skips import must_skip
from testbed import Unavailable, podman

IMAGE = "registry.test/team/billing:1.2"


@pytest.fixture
def container():
    try:
        with podman.open_podman(IMAGE) as manager, \
                podman.Container(manager, "bookworm", IMAGE, ["python3", "split.py"], TARGETS) as container:
            yield container
    except Unavailable as e:
        must_skip(str(e))


def test_podman_containers_have_their_names(container):
    environment = {**os.environ, "PODFLAME_PODMAN_ROOT": str(container.podman.storage)}
    row, = [row for row in json.loads(podflame("ps", "--json", env=environment).stdout) if row["pid"] == container.pid]
    assert row["container_id"] == container.id
    assert (row["container_name"], row["image"], row["profilable"]) == (container.name, IMAGE, True)
    assert "hot" in record("-c", container.id, "-f", "folded")
