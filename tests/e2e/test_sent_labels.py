# SPDX-License-Identifier: Apache-2.0
"""agent --send-label: labels of containers and pods become attributes; those that nobody asked for stay here."""

import os
import pathlib
import signal
import time

from collector import agent
from imitated_kubelet import kubelet
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import eventually
from receiver import Receiver


def labels_of(store, target):
    """What the last profile of a target says, of its labels."""
    mine = [one for one in store.resources() if one.get("container.id") == target.id]
    return {key: value for key, value in mine[-1].items() if ".label." in key} if mine else None


def only(target):
    return "--select", "container=%s" % target.id


def test_labels_of_a_container(start, tmp_path):
    """By a rule of the command line, and by one that comes while the process is sampled."""
    target = start(BOOKWORM, "split.py", labels=["app=web", "app.kubernetes.io/version=1=2", "token=secret"])
    rules = tmp_path / "rules"
    rules.write_text("# none yet\n")
    with Receiver() as store, agent(tmp_path / "agent", store.url, "--window", 1, "--rules", rules, "--send-label", "app*",
                                    *only(target)) as pusher:
        first = {"container.label.app": "web", "container.label.app.kubernetes.io/version": "1=2"}
        eventually(lambda: labels_of(store, target) == first, 20, lambda: (store.resources(), pusher.stderr))
        rules.write_text("send-label tok?n\n")
        pusher.process.send_signal(signal.SIGHUP)
        eventually(lambda: labels_of(store, target) == {**first, "container.label.token": "secret"}, 20,
                   lambda: (store.resources()[-1:], pusher.stderr))
        assert pusher.interrupt() == 0, pusher.stderr


def test_new_names_leave_what_a_process_says_of_itself(start, tmp_path):
    """Like gunicorn and others that set their title, the target has written over its environment by then."""
    said = {"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "service.version=7"}
    target = start(BOOKWORM, "retitled.py", labels=["app=web"], environment=said)
    rules = tmp_path / "rules"
    rules.write_text("# none yet\n")

    def last():
        mine = [one for one in store.resources() if one.get("container.id") == target.id]
        return [mine[-1].get(key) for key in ("service.name", "service.version", "container.label.app")] if mine else None

    with Receiver() as store, agent(tmp_path / "agent", store.url, "--window", 1, "--rules", rules, *only(target)) as pusher:
        eventually(lambda: last() == ["shop", "7", None], 20, lambda: (store.resources()[-1:], pusher.stderr))
        os.kill(target.pid, signal.SIGUSR1)
        environment = pathlib.Path("/proc/%d/environ" % target.pid)
        eventually(lambda: b"shop" not in environment.read_bytes(), 20, "its environment is gone")
        rules.write_text("send-label app\n")
        pusher.process.send_signal(signal.SIGHUP)
        eventually(lambda: last()[2] == "web", 20, lambda: (store.resources()[-1:], pusher.stderr))
        assert last() == ["shop", "7", "web"]
        assert pusher.interrupt() == 0, pusher.stderr


def test_new_rules_judge_what_a_process_said_first(start, tmp_path):
    """And so of a worker that is forked later: its title is there from its beginning."""
    target = start(BOOKWORM, "retitled.py", environment={"OTEL_SERVICE_NAME": "shop"})
    rules = tmp_path / "rules"
    rules.write_text("select container=%s\n" % target.id)

    def services():
        return {one["service.name"] for one in store.resources() if one.get("container.id") == target.id}

    with Receiver() as store, agent(tmp_path / "agent", store.url, "--window", 1, "--rules", rules) as pusher:
        eventually(lambda: services() == {"shop"}, 20, lambda: pusher.stderr)
        os.kill(target.pid, signal.SIGUSR1)
        environment = pathlib.Path("/proc/%d/environ" % target.pid)
        eventually(lambda: b"shop" not in environment.read_bytes(), 20, "its environment is gone")
        os.kill(target.pid, signal.SIGUSR2)
        children = pathlib.Path("/proc/%d/task/%d/children" % (target.pid, target.pid))
        worker = eventually(lambda: int(children.read_text() or 0), 20, "it has forked")
        for other in (target.pid, worker):
            rules.write_text("select container=%s,service=shop\ndrop pid=%d\n" % (target.id, other))
            pusher.process.send_signal(signal.SIGHUP)
            time.sleep(3)  # what was sampled by the old rules has been sent
            store.requests.clear()
            eventually(lambda: services() == {"shop"}, 20, lambda: (other, store.resources(), pusher.stderr))
        assert pusher.interrupt() == 0, pusher.stderr


def test_none_is_sent_unasked(start, tmp_path):
    target = start(BOOKWORM, "split.py", labels=["tier=unspoken-of"])
    with Receiver() as store, agent(tmp_path / "agent", store.url, "--window", 1, *only(target)) as pusher:
        eventually(lambda: labels_of(store, target) == {}, 20, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
    assert b"unspoken-of" not in b"".join(body for _, _, body in store.requests)


def test_labels_of_a_pod(start, tmp_path, monkeypatch):
    """Not those of its container, which are the image's."""
    for name in ("DOCKER", "PODMAN", "LOG", "RUN"):
        monkeypatch.setenv("PODFLAME_%s_ROOT" % name, str(tmp_path / "nothing"))
    target = start(BARE_BOOKWORM, "split.py")
    pods = [{"metadata": {"name": "web-0", "namespace": "shop", "uid": "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288",
                          "labels": {"app": "web", "tier": "front"}},
             "status": {"containerStatuses": [{"name": "app", "image": "shop:2", "containerID": "containerd://" + target.id}]}}]
    token = tmp_path / "token"
    token.write_text("sesame")
    with kubelet(tmp_path, pods) as url, Receiver() as store, agent(
            tmp_path / "agent", store.url, "--window", 1, "--kubelet", url, "--kubelet-token-file", token,
            "--kubelet-ca-file", tmp_path / "cert.pem", "--send-label", "app", *only(target)) as pusher:
        eventually(lambda: labels_of(store, target) == {"k8s.pod.label.app": "web"}, 20, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
