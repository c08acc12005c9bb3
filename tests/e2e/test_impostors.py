# SPDX-License-Identifier: Apache-2.0
"""Who calls a cgroup of his own like somebody's container is not taken for it: cgroups are made by hand, as systemd
makes them for a user's `systemd-run --user --scope --unit=docker-ID`."""

import contextlib
import json
import pathlib
import subprocess

import pytest

from clients import AS_NOBODY
from collector import Collector, agent, free_port, metric
from conftest import TARGETS
from interpreters import BOOKWORM
from program import eventually, podflame
from skips import must_skip
from testbed import Unavailable, images, podman

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


# ---- root's own, beside a container that runs --------------------------------------------------------------------


@pytest.fixture
def docker_container(start):
    """One of Docker's, found by the note in its files."""
    return start(BOOKWORM, "sleeper.py")


@pytest.fixture
def podman_container(tmp_path, monkeypatch):
    image = "registry.test/team/billing:1.2"
    try:
        with podman.open_podman(image) as manager, \
                podman.Container(manager, images.directory("bookworm") / "usr", image, ["python3", "sleeper.py"], TARGETS) as container:
            monkeypatch.setenv("PODFLAME_PODMAN_ROOT", str(manager.storage))
            (tmp_path / "run/containers").mkdir(parents=True)
            (tmp_path / "run/containers/storage").symlink_to(manager.storage.parent / "run")
            monkeypatch.setenv("PODFLAME_RUN_ROOT", str(tmp_path / "run"))
            yield container
    except Unavailable as e:
        must_skip(str(e))


@pytest.fixture
def impostor():
    """A Python of root, who may make any cgroup."""
    with subprocess.Popen(["/usr/bin/python3", "-c", "print(flush=True); import time; time.sleep(600)"],
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.host_pids
@pytest.mark.parametrize("runtime", ["docker", "podman"])
@pytest.mark.parametrize("path", ["podflame-test/docker/%s", "podflame-test/docker-%s.scope",
                                  "kubepods/besteffort/pod" + UID + "/%s"])
def test_a_cgroup_that_is_named_like_a_running_container(request, runtime, path, impostor):
    container = request.getfixturevalue(runtime + "_container")
    with cgroup(path % container.id, impostor.pid):
        rows = {row["pid"]: row for row in json.loads(podflame("ps", "--json").stdout)}
        true, false = rows[container.pid], rows[impostor.pid]
        assert true["container_id"] == container.id and true["container_name"] and not true["claimed_container_id"]
        assert false["claimed_container_id"] == container.id
        assert not any(false[key] for key in ("container_id", "container_name", "image", "pod", "namespace"))
        line = "not in container %s" % container.id[:12]
        assert podflame("ps").stdout.count(line) == 1
        chosen = podflame("dump", "-c", container.id, "--json")
        assert chosen.returncode == 0, chosen.stderr
        assert impostor.pid not in [process["pid"] for process in json.loads(chosen.stdout)]


@pytest.mark.host_pids
def test_the_agent_says_so_once_and_counts_it(docker_container, impostor, tmp_path):
    port = free_port()
    with cgroup("podflame-test/docker-%s.scope" % docker_container.id, impostor.pid), \
            Collector(tmp_path / "collector") as store, \
            agent(tmp_path / "agent", store.url, "--window", 1, "--listen", "127.0.0.1:%d" % port) as pusher:
        line = "process %d: is not in container %s" % (impostor.pid, docker_container.id[:12])
        eventually(lambda: line in pusher.stderr, 20, lambda: pusher.stderr)
        eventually(lambda: metric(port, "podflame_disbelieved_processes") == 1, 20, "it is counted")
        windows = metric(port, "podflame_windows_total")
        eventually(lambda: metric(port, "podflame_windows_total") > windows + 1, 20, "windows go on")
        assert pusher.stderr.count(line) == 1
