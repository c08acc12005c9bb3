# SPDX-License-Identifier: Apache-2.0
"""Names from APIs, where files do not tell them: the real Docker's, and a kubelet's as its documentation has it."""

import json

import pytest

from imitated_kubelet import kubelet
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import podflame


@pytest.fixture
def no_files(tmp_path, monkeypatch):
    """As in a container to which nothing of the host is mounted."""
    for name in ("DOCKER", "PODMAN", "LOG", "RUN"):
        monkeypatch.setenv("PODFLAME_%s_ROOT" % name, str(tmp_path / "nothing"))


def ps(*options, stderr=""):
    done = podflame("ps", "--json", *options)
    assert done.returncode == 0 and stderr in done.stderr, done.stderr
    return {process["pid"]: process for process in json.loads(done.stdout)}


def test_docker(start, docker, no_files):
    target = start(BOOKWORM, "sleeper.py", labels=["app=web"])
    assert ps()[target.pid]["container_name"] is None
    socket = (docker.host or "unix:///run/docker.sock").removeprefix("unix://")
    seen = ps("--docker-socket", socket, "--select", "label=app=w*")[target.pid]
    assert (seen["container_name"], seen["image"]) == (target.name, target.image)
    assert (seen["selected"], seen["rule"]) == (True, "select label=app=w*")


def test_docker_that_is_not_there(start, tmp_path, no_files):
    target = start(BARE_BOOKWORM, "sleeper.py")
    seen = ps("--docker-socket", tmp_path / "socket", stderr="Docker's API does not tell names")[target.pid]
    assert (seen["container_id"], seen["container_name"]) == (target.id, None)


def test_kubelet(start, tmp_path, no_files):
    target = start(BARE_BOOKWORM, "sleeper.py")
    pods = [{"metadata": {"name": "web-0", "namespace": "shop", "uid": "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288",
                          "labels": {"app": "web"}},
             "status": {"containerStatuses": [{"name": "app", "image": "shop:2",
                                               "containerID": "containerd://" + target.id}]}}]
    token = tmp_path / "token"
    token.write_text("wrong")
    with kubelet(tmp_path, pods) as url:
        options = ("--kubelet", url, "--kubelet-token-file", token, "--kubelet-ca-file", tmp_path / "cert.pem",
                   "--select", "label=app=web,namespace=shop")
        assert not ps(*options, stderr="the kubelet does not tell names: HTTP status 401")[target.pid]["selected"]
        token.write_text("sesame")
        seen = ps(*options)[target.pid]
        names = [seen[key] for key in ("namespace", "pod", "k8s_container", "image", "service", "selected")]
        assert names == ["shop", "web-0", "app", "shop:2", "app", True]
        assert not ps("--kubelet", url, "--kubelet-token-file", token, "--select", "namespace=shop",
                      stderr="the kubelet does not tell names")[target.pid]["selected"], "its certificate is trusted"


@pytest.mark.parametrize("options, status, word", [
    (["--kubelet", "127.0.0.1:10250"], 2, "http"),
    (["--kubelet", "https://127.0.0.1:1", "--kubelet-token-file", "/no/such/file"], 1, "/no/such/file"),
    (["--kubelet", "https://127.0.0.1:1", "--kubelet-ca-file", "/no/such/file"], 1, "/no/such/file"),
])
@pytest.mark.parametrize("command", ["ps", "agent"])
def test_what_cannot_be_asked(command, options, status, word):
    done = podflame(command, *options)
    assert done.returncode == status and word in done.stderr, done.stderr
