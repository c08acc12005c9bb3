# SPDX-License-Identifier: Apache-2.0
"""podflame doctor: what it says is what there is, with each privilege and without."""

import json
import os
import re
import subprocess

import pytest

from collector import Collector
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import podflame
from testbed import PROJECT

CAPABILITIES = ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_PERFMON", "CAP_SYS_NICE"]

# CAP_SYS_ADMIN counts for CAP_PERFMON.
BEYOND = "-sys_admin"


def doctor(*arguments, **options):
    done = podflame("doctor", "--json", *arguments, **options)
    report = json.loads(done.stdout)
    arrives = checks(report).get("collector", {"verdict": "ok"})["verdict"] == "ok"
    assert (report["possible"] and arrives) == (done.returncode == 0), done.stderr
    return report


def checks(report):
    return {check["name"]: check for check in report["checks"]}


def without(*words):
    """Runs as root without these capabilities."""
    return ["setpriv", "--bounding-set", ",".join([BEYOND, *words]), "--inh-caps=-all"]


def test_root_may_do_everything():
    seen = checks(doctor())
    assert "collector" not in seen
    for name in CAPABILITIES:
        assert seen[name]["state"].startswith("granted"), seen[name]
    assert "may" not in seen["CAP_SYS_PTRACE"]["state"], "what is known, no guesses"
    assert [seen[name]["verdict"] for name in ("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_PERFMON")] == ["ok"] * 3


@pytest.mark.parametrize("name", CAPABILITIES)
def test_each_capability_that_is_missing(name, start):
    start(BARE_BOOKWORM, "sleeper.py")  # there is a process of other capabilities than ours
    seen = checks(doctor(wrap=without("-" + name[len("CAP_"):].lower())))
    for other in CAPABILITIES:
        assert seen[other]["state"].startswith("missing" if other == name else "granted"), seen[other]
    assert seen[name]["verdict"] == "less"
    assert name[len("CAP_"):] in seen[name]["grant"]


def on_a_host():
    """Rather than in a container: in the kernel's first PID namespace, whose number never changes."""
    return os.stat("/proc/self/ns/pid").st_ino == 0xeffffffc


def test_an_ordinary_user():
    done = podflame("doctor", wrap=["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all"])
    assert done.returncode == 0, done.stderr  # record -- COMMAND works
    assert re.search(r"^less +CAP_SYS_PTRACE +missing: 0 of \d+ processes can be read$", done.stdout, re.M)
    remedy = "run as root: sudo podflame" if on_a_host() else "docker run --cap-add"
    assert re.search("^ +to grant it: " + remedy, done.stdout, re.M)


def test_namespaces_of_our_own():
    seen = checks(doctor(wrap=["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]))
    assert seen["PID namespace"]["verdict"] == "less" and "--pid=host" in seen["PID namespace"]["grant"]
    assert seen["user namespace"]["state"] == "one of its own"
    assert "--cap-add" in seen["CAP_PERFMON"]["grant"]


def test_a_container(start):
    target = start(BOOKWORM, "sleeper.py")
    [patient] = doctor("-c", target.name)["targets"]
    assert patient["pid"] == target.pid and patient["profilable"] and patient["container_id"] == target.id
    assert patient["python"].startswith("3.11") and "tick on" in patient["engine"]
    done = podflame("doctor", "-p", target.pid)
    assert done.returncode == 0
    assert "Python 3.11" in done.stdout and target.name in done.stdout and "Profiling is possible." in done.stdout


def test_the_engine_is_the_one_that_record_uses(start):
    target = start(BOOKWORM, "sleeper.py")
    wrap = without("-sys_nice")
    [patient] = doctor("-p", target.pid, wrap=wrap)["targets"]
    recorded = podflame("record", "-v", "-p", target.pid, "-d", 0.2, wrap=wrap)
    assert patient["engine"] in recorded.stderr


def test_targets_that_cannot_be_read(start, python_3_3):
    target = start(python_3_3, "sleeper.py")
    [patient] = doctor("-p", target.pid)["targets"]
    assert not patient["profilable"] and "3.3" in patient["reason"]
    [patient] = doctor("-p", os.getpid(), wrap=without("-sys_ptrace"))["targets"]
    assert not patient["profilable"] and "CAP_SYS_PTRACE is missing" in patient["reason"]


def test_targets_that_are_not_there():
    with subprocess.Popen(["sleep", "60"]) as process:
        [patient] = doctor("-p", process.pid)["targets"]
        process.kill()
    assert "not a CPython process" in patient["reason"]
    [patient] = doctor("-p", process.pid)["targets"]
    assert "no such process" in patient["reason"]
    done = podflame("doctor", "-c", "nosuch")
    assert done.returncode == 1 and "nosuch" in done.stderr and done.stdout == ""


def test_collector(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("secret\n")
    monkeypatch.setenv("PODFLAME_TOKEN_FILE", str(token))
    with Collector(tmp_path) as collector:
        monkeypatch.delenv("PODFLAME_TOKEN_FILE")
        assert checks(doctor("--collector", collector.url, "--token-file", token))["collector"]["verdict"] == "ok"
        refused = checks(doctor(env={**os.environ, "PODFLAME_COLLECTOR": collector.url}))["collector"]
        assert refused["verdict"] == "no" and "401" in refused["state"]
        url = collector.url
    gone = doctor("--collector", url)
    assert gone["possible"], "profiling is another matter"
    assert checks(gone)["collector"]["verdict"] == "no" and "does not take profiles" in checks(gone)["collector"]["state"]
    done = podflame("doctor", "--collector", url)
    assert done.returncode == 1
    assert done.stdout.endswith("Profiling is possible, but the collector does not take profiles: see what says \"no\".\n")
    assert "URL" in checks(doctor("--collector", "ftp://127.0.0.1"))["collector"]["state"]


def test_readme_has_the_same_table():
    text = (PROJECT / "README.md").read_text().replace("`", "")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("| CAP_")]
    ours = [[check["name"], check["for"], check["without"]] for name, check in checks(doctor()).items()
            if name.startswith("CAP_")]
    assert rows == ours


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-p", "x"], ["-p", "1", "--abi", "1.5"], ["4242"]])
def test_wrong_usage(arguments):
    done = podflame("doctor", *arguments)
    assert done.returncode == 2 and "podflame doctor -h" in done.stderr
