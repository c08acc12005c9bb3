# SPDX-License-Identifier: Apache-2.0
"""The image: what is in it, and what the agent does in it with the DaemonSet's privileges, and without each."""

import contextlib
import json
import os
import re
import secrets
import stat
import subprocess
import urllib.request

import pytest
import yaml

import image
import truth
from collector import free_port
from hardening import missing
from image import BITS, Collector, Containerd, agent_in_docker, granted, knows, policies, status
from interpreters import BOOKWORM
from program import MARGIN_SECONDS, eventually
from skips import must_skip
from testbed import PROJECT, containers, images

MEGABYTE = 1 << 20
# A program of another user, which says what it wants to be called.
SERVICE = "checkout"
OTHERS = {"user": "1000:1000", "environment": {"OTEL_SERVICE_NAME": SERVICE}}
# The same with an interpreter in a directory that is closed to everybody else: read from its memory.
CLOSED = ["sh", "-c", "mkdir -m 700 /tmp/venv && cp $(readlink -f /usr/bin/python3) /tmp/venv/python && "
          "exec /tmp/venv/python /app/split.py"]
WITHIN = 60


@pytest.fixture(scope="module")
def built(docker):
    """The image's id."""
    return image.build(docker)


@pytest.fixture(scope="module")
def root(docker, built):
    with image.unpacked(docker, built) as folder:
        yield folder


@pytest.fixture
def collector(docker, built):
    with Collector(docker, built) as collector:
        yield collector


def start_target(docker, command=("python3", "split.py")):
    return containers.Docker(docker, images.docker(docker, BOOKWORM.interpreter.suite), list(command),
                             PROJECT / "tests/targets", **OTHERS)


# ---- what is in it -------------------------------------------------------------------


def test_it_is_small_and_says_what_it_is(docker, built):
    def field(name, what):
        return docker.call("inspect", "--format", "{{%s}}" % what, name)

    added = int(field(built, ".Size")) - int(field(image.base(docker), ".Size"))
    assert added < 40 * MEGABYTE
    assert "healthcheck" in field(built, ".Config.Healthcheck.Test")
    assert field(built, 'index .Config.Labels "org.opencontainers.image.licenses"') == "Apache-2.0"


def test_nobody_but_root_can_change_it(root):
    """Whatever is open to others has the sticky bit; the collector's directory is its user's own."""
    found = set()
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path)
            if not stat.S_ISREG(mode.st_mode) and not stat.S_ISDIR(mode.st_mode):
                continue
            if mode.st_uid != 0 or (mode.st_mode & stat.S_IWOTH and not mode.st_mode & stat.S_ISVTX):
                found.add(os.path.relpath(path, root))
    assert found == {"var/lib/podflame"}
    assert not (root / "usr/bin/gcc").exists() and not (root / "src").exists()


def test_its_program_is_hardened(root):
    assert missing(root / "usr/bin/podflame") == set()


def test_healthcheck_tells_well_from_not_well(docker, built, collector):
    assert collector.healthy()
    with image.InDocker(docker, built, ["600"], "--network=none", "--entrypoint=sleep") as idle:
        done = subprocess.run(docker.command("exec", idle.id, "/usr/lib/podflame/healthcheck"))
        assert done.returncode == 1


# ---- with the manifest's privileges --------------------------------------------------------


def test_agent_profiles_in_docker(docker, built, collector):
    """All that Docker can grant of it, --read-only, its default seccomp profile, the host's PIDs: three containers."""
    capabilities = [c for c in granted() if knows(docker, built, c)]
    assert set(capabilities) >= set(granted()) - {"PERFMON"}
    with start_target(docker) as target, agent_in_docker(docker, built, collector, capabilities, [target]) as agent:
        assert status(agent.pid)["Seccomp"] == "2"
        series = eventually(lambda: collector.series_of(target), WITHIN, lambda: agent.output)
        assert (series["service"], series["container_name"]) == (SERVICE, target.name)
        eventually(lambda: collector.series_of(target)["samples"] > 50, 2 * WITHIN, lambda: agent.output)
        top = collector.json("top?series=%d&limit=100" % series["id"])
        truth.assert_shares({f["name"]: f["self"] for f in top["functions"]}, truth.SPLIT)
        assert collector.get("/readyz", 9464) is not None and "podflame_targets" in collector.get("/metrics", 9464)


def observe(docker, root, collector, capabilities):
    """What the agent achieves with these capabilities, in the terms of README's table."""
    with start_target(docker) as target, start_target(docker, CLOSED) as closed, \
            Containerd(docker, root, collector, capabilities, [target, closed]) as agent:
        facts = status(agent.pid)
        assert facts["Seccomp"] == "2" and facts["NoNewPrivs"] == "1" and facts["Uid"].split()[1] == "0"
        # It keeps no more than it was given, and may itself have given up some of that.
        assert int(facts["CapBnd"], 16) == sum(1 << BITS[c] for c in capabilities)
        started = eventually(lambda: re.search(r"agent: .*", agent.output), WITHIN, lambda: agent.output)[0]
        fifo = os.SCHED_FIFO in policies(agent.pid)
        seen = {"clock": "perf" if "perf tick" in started else "timer", "fifo": fifo}
        if "SYS_PTRACE" not in capabilities:
            eventually(lambda: collector.get("/readyz", 9464) is not None, WITHIN, lambda: agent.output)
            return dict(seen, profiled=collector.series_of(target) is not None)
        series = eventually(lambda: collector.series_of(target), WITHIN, lambda: agent.output)
        eventually(lambda: collector.series_of(closed), WITHIN, lambda: agent.output)
        return dict(seen, profiled=True, service=series["service"] == SERVICE,
                    named=series.get("container_name") == target.name)


ALL = {"clock": "perf", "fifo": True, "profiled": True, "service": True, "named": True}
WITHOUT = {
    "nothing": ALL,
    "SYS_PTRACE": {"clock": "perf", "fifo": True, "profiled": False},
    "DAC_READ_SEARCH": dict(ALL, service=False),
    "PERFMON": dict(ALL, clock="timer"),
    "SYS_NICE": dict(ALL, fifo=False),
}


def test_table_has_each_capability():
    assert set(WITHOUT) - {"nothing"} == set(granted())
    table = (PROJECT / "README.md").read_text().partition("## Permissions")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| CAP_(\w+)", table, re.M)) == set(granted())


@pytest.mark.parametrize("missing", WITHOUT)
def test_without_a_capability_the_agent_does_what_the_table_says(docker, root, collector, missing):
    expected = dict(WITHOUT[missing])
    if subprocess.run(["chrt", "--fifo", "1", "true"], capture_output=True).returncode != 0:
        expected["fifo"] = False  # the kernel gives this cgroup no time for it
    assert observe(docker, root, collector, [c for c in granted() if c != missing]) == expected


def test_sidecar_needs_no_host(docker, built, collector):
    """As in examples/sidecar.yaml: the PIDs of one container, CAP_SYS_PTRACE and nothing more."""
    sidecar = yaml.safe_load((PROJECT / "deploy/kubernetes/examples/sidecar.yaml").read_text())
    container = sidecar["spec"]["template"]["spec"]["initContainers"][0]
    capabilities = container["securityContext"]["capabilities"]["add"]
    here = "--collector=http://127.0.0.1:4318"
    words = [here if word.startswith("--collector") else word for word in container["args"]]
    with start_target(docker) as target, image.InDocker(
            docker, built, words + ["--window=1s"], "--pid=container:" + target.id, "--user=0",
            "--network=container:" + collector.id, *["--cap-add=" + c for c in capabilities]) as agent:
        eventually(lambda: [s for s in collector.json("series") if s["samples"] > 0], WITHIN, lambda: agent.output)


# ---- with one command -------------------------------------------------------------------------


def test_compose_brings_up_all_three(docker, built, tmp_path):
    """compose.yaml as it is, but for images that cannot be pulled here, the port, and whom the agent looks at."""
    port = free_port()
    override = tmp_path / "override.yaml"
    shop = images.docker(docker, "bookworm")
    override.write_text(yaml.safe_dump({"services": {
        "collector": {"image": built},
        "agent": {"image": built, "command": ["agent", "--select=cmdline=*/app/app.py*"]},
        "shop": {"image": shop}}}))
    project = "podflame-test-" + secrets.token_hex(4)
    command = ["docker-compose", "--project-name", project, "--file", str(PROJECT / "docker/compose.yaml"),
               "--file", str(override)]
    environment = dict(os.environ, PODFLAME_PORT=str(port))

    def compose(*words):
        return subprocess.run(command + list(words), env=environment, capture_output=True, text=True)

    try:
        up = compose("up", "--detach", "--no-build")
        if up.returncode != 0 and "network" in up.stderr:
            must_skip("this Docker makes no networks: " + up.stderr.strip()[-300:], debian=False)
        assert up.returncode == 0, up.stderr
        eventually(lambda: "price_basket" in functions_at(port), 2 * WITHIN, lambda: compose("logs").stdout[-2000:])
    finally:
        compose("down", "--volumes", "--timeout", "5")


def functions_at(port):
    """The functions of all series of the collector there, if it answers."""
    url = "http://127.0.0.1:%d/api/v1/top?series=all&limit=1000" % port
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=MARGIN_SECONDS) as answer:
        return {f["name"] for f in json.load(answer)["functions"]}
    return set()
