# SPDX-License-Identifier: Apache-2.0
"""Who calls a cgroup of his own like somebody's container is not taken for it: cgroups are made by hand, as systemd
makes them for a user's `systemd-run --user --scope --unit=docker-ID`."""

import contextlib
import json
import pathlib
import subprocess

import pytest

from clients import AS_NOBODY
from program import podflame
from skips import must_skip

pytestmark = pytest.mark.xdist_group("impostors")  # they have folders in common

ID = "5a" * 32
UID = "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"
USER = "user.slice/user-65534.slice/user@65534.service/"
IMPOSTORS = [
    USER + "app.slice/docker-%s.scope" % ID,
    USER + "docker/" + ID,
    USER + "system.slice/docker.service/docker/" + ID,
    USER + "kubepods/besteffort/pod%s/%s" % (UID, ID),
    USER + "libpod-%s.scope/docker-%s.scope" % ("6b" * 32, ID),
    "user.slice/docker-%s.scope" % ID,
    "system.slice/shop.service/docker-%s.scope" % ID,
    "docker/%s/docker/%s" % ("6b" * 32, ID),
]


@contextlib.contextmanager
def cgroup(path, pid):
    """A cgroup that @pid is in."""
    root = next((pathlib.Path(p) for p in ("/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                 if (pathlib.Path(p) / "cgroup.procs").exists()), None)
    if root is None:
        must_skip("no hierarchy of cgroups is mounted")
    made = []
    try:
        for parent in reversed([root / path, *(root / path).parents]):
            if root in parent.parents and not parent.exists():
                parent.mkdir()
                made.append(parent)
        (root / path / "cgroup.procs").write_text("%d" % pid)
        yield
    finally:
        (root / "cgroup.procs").write_text("%d" % pid)
        (root / path).rmdir()
        for folder in reversed(made[:-1]):
            with contextlib.suppress(OSError):  # somebody else has made one in it meanwhile, such as Docker
                folder.rmdir()


@pytest.fixture
def process(tmp_path, monkeypatch):
    """A user's Python, on a host where Docker has a container of that id."""
    folder = tmp_path / "docker/containers" / ID
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(json.dumps(
        {"Name": "/payments", "Config": {"Image": "shop/payments:7", "Labels": {"app": "payments"}}}))
    monkeypatch.setenv("PODFLAME_DOCKER_ROOT", str(tmp_path / "docker"))
    process = subprocess.Popen(["/usr/bin/python3", "-c", "print(flush=True); import time; time.sleep(600)"],
                               stdout=subprocess.PIPE, **AS_NOBODY)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def seen(process):
    found = [p for p in json.loads(podflame("ps", "--json").stdout) if p["pid"] == process.pid]
    assert len(found) == 1
    return json.dumps(found[0])


def test_the_container_itself_has_its_name(process):
    with cgroup("docker/" + ID, process.pid):
        assert "payments" in seen(process) and ID in seen(process)


@pytest.mark.parametrize("path", IMPOSTORS)
def test_impostors_have_no_name_of_others(process, path):
    with cgroup(path, process.pid):
        assert "payments" not in seen(process)
        assert '"%s"' % ID not in seen(process)
        assert '"%s"' % UID not in seen(process)
        chosen = podflame("ps", "--select", "container=payments", "--json").stdout
        assert all(p.get("selected") is not True for p in json.loads(chosen) if p["pid"] == process.pid)
