# SPDX-License-Identifier: Apache-2.0
"""--pod: real containers that a kubelet's links in /var/log/containers give names to."""

import json

import pytest

from interpreters import BARE_BOOKWORM, BOOKWORM
from program import podflame


@pytest.fixture
def pods(start, tmp_path, monkeypatch):
    """Two pods called web-0, in two namespaces; the first has two containers."""
    targets = {}
    (tmp_path / "containers").mkdir()
    for case, pod, namespace, container in [(BOOKWORM, "web-0", "shop", "app"), (BARE_BOOKWORM, "web-0", "shop", "proxy"),
                                            (BARE_BOOKWORM, "web-0", "bank", "app")]:
        target = start(case, "sleeper.py")
        (tmp_path / "containers" / ("%s_%s_%s-%s.log" % (pod, namespace, container, target.id))).symlink_to("/nowhere")
        targets[namespace, container] = target
    monkeypatch.setenv("PODFLAME_LOG_ROOT", str(tmp_path))
    return targets


def pids(*arguments):
    done = podflame(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return sorted(process["pid"] for process in json.loads(done.stdout))


@pytest.mark.parametrize("command", ["dump", "ps"])
def test_pods_and_their_containers(pods, command):
    for name, members in [("shop/web-0", [("shop", "app"), ("shop", "proxy")]), ("shop/web-0/app", [("shop", "app")]),
                          ("web-0/proxy", [("shop", "proxy")]), ("bank/web-0", [("bank", "app")])]:
        assert pids(command, "--pod", name) == sorted(pods[member].pid for member in members), name


def test_ps_has_the_names(pods):
    done = podflame("ps", "--json", "--pod", "bank/web-0", "--select", "namespace=bank,pod=web-*")
    [process] = json.loads(done.stdout)
    assert (process["namespace"], process["pod"], process["k8s_container"]) == ("bank", "web-0", "app")
    assert (process["selected"], process["rule"], process["service"]) == (True, "select namespace=bank,pod=web-*", "app")


def test_record_a_pod(pods, tmp_path):
    done = podflame("record", "--pod", "shop/web-0", "-d", 1, "--idle", "-f", "otlp", "-o", tmp_path / "x.json")
    assert done.returncode == 0, done.stderr
    resources = [{a["key"]: a["value"].get("stringValue") for a in profile["resource"]["attributes"]}
                 for profile in json.loads((tmp_path / "x.json").read_bytes())["resourceProfiles"]]
    assert {r["k8s.container.name"] for r in resources} == {"app", "proxy"}
    assert {(r["k8s.namespace.name"], r["k8s.pod.name"]) for r in resources} == {("shop", "web-0")}


@pytest.mark.parametrize("name, words", [
    ("web-0", ["could be any", "shop/web-0/app", "shop/web-0/proxy", "bank/web-0/app"]),
    ("web-0/app", ["could be any", "shop/web-0/app", "bank/web-0/app"]),
    ("shop/web-1", ["there is no running pod", "there are:", "shop/web-0/app", "bank/web-0/app"]),
])
def test_who_is_not_one_pod(pods, name, words):
    done = podflame("dump", "--pod", name)
    assert done.returncode == 1 and all(word in done.stderr for word in words), done.stderr


def test_where_there_are_no_pods(start, tmp_path, monkeypatch):
    monkeypatch.setenv("PODFLAME_LOG_ROOT", str(tmp_path))
    start(BARE_BOOKWORM, "sleeper.py")
    done = podflame("dump", "--pod", "web")
    assert done.returncode == 1 and "no process of this machine is in a pod" in done.stderr
