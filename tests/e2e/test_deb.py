# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a fresh Debian 12: installed, at work as its units run it, and removed without a trace."""

import json
import os
import re
import shutil
import subprocess

import pytest

from collector import Collector
from hardening import missing
from interpreters import BARE_BOOKWORM
from program import MARGIN_SECONDS, eventually
from skips import must_skip
from testbed import PROJECT, Unavailable, images

# As systemd's DynamicUser= would take it.
NOBODY = "61184"


class Root:
    """A directory that is a Debian: commands run in it, with the machine's processes and network."""

    def __init__(self, path):
        self.path = path

    def command(self, *words):
        return ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', str(self.path),
                *map(str, words)]

    def run(self, *words, check=True, **options):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        environment.update({name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=480, env=environment, **options)
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done

    def files(self):
        """All that is there, but for what apt and dpkg note of their own work."""
        notes = ("var/lib/dpkg/", "var/lib/apt/", "var/cache/", "var/log/", "etc/ld.so.cache", "proc/", "tmp/", "root/")
        found = (os.path.relpath(os.path.join(folder, name), self.path)
                 for folder, folders, names in os.walk(self.path) for name in folders + names)
        return {path for path in found if not path.startswith(notes)}


@pytest.fixture(scope="module")
def package():
    done = subprocess.run(["make", "-C", PROJECT, "--no-print-directory", "deb"], capture_output=True, text=True,
                          timeout=900, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    [path] = [path for path in (PROJECT / "build").glob("podflame_*.deb")]
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("deb") / "root"
    path.mkdir()
    try:
        subprocess.run(["tar", "-C", path, "-xf", images.tarball("bookworm-slim")], check=True)
    except Unavailable as e:
        must_skip(str(e))
    shutil.copy("/etc/resolv.conf", path / "etc/resolv.conf")
    for settings in ("/etc/apt/apt.conf.d",):  # this machine's way to its mirror, a proxy for one
        shutil.copytree(settings, str(path) + settings, dirs_exist_ok=True)
    yield Root(path)
    shutil.rmtree(path)


def unit(root, name):
    """A unit's lines that are settings of [Service], as (key, value)."""
    text = (root.path / "lib/systemd/system" / (name + ".service")).read_text()
    return [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]


def as_unit(root, name, *more):
    """The unit's command in @root, with its capabilities, environment and settings, as a user of its own."""
    settings = unit(root, name)
    [exec_start] = [value for key, value in settings if key == "ExecStart"]
    [bounding] = [value.lower().replace("cap_", "+") for key, value in settings if key == "CapabilityBoundingSet"]
    capabilities = ",".join(["-all", *bounding.split()])
    environment = [value for key, value in settings if key == "Environment" and "SPOOL" not in value and "DATA" not in value]
    return root.command("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs",
                        "--inh-caps", capabilities, "--ambient-caps", capabilities, "--bounding-set", capabilities,
                        "env", *environment, *more, *exec_start.split())


def test_a_package_from_its_installation_to_its_purge(package, root, start, tmp_path):
    root.run("apt-get", "update", "-qq")
    before = root.files()
    shutil.copy(package, root.path / "root")
    root.run("apt-get", "install", "-y", "--no-install-recommends", "/root/" + package.name)
    check_programs(root)
    check_doctor(root)
    check_agent(root, start(BARE_BOOKWORM, "sleeper.py"), tmp_path)
    leftovers = root.path / "var/lib/private/podflame-agent"
    leftovers.mkdir(parents=True)
    (leftovers / "batch").write_text("x")
    root.run("apt-get", "purge", "-y", "--autoremove", "podflame")
    left = root.files() - before
    assert {path for path in left if "podflame" in path or "pyflame" in path} == set()
    assert left <= {"var/lib/private"}


def check_programs(root):
    assert missing(root.path / "usr/bin/podflame") == set()
    assert root.run("podflame", "--version").stdout.startswith("podflame ")
    assert root.run("pyflame", "--version").stdout.startswith("pyflame ")
    for name in ("podflame-agent", "podflame-collector"):
        assert (root.path / "etc/default" / name).is_file()
        assert not (root.path / "etc/systemd/system/multi-user.target.wants" / (name + ".service")).exists()


def check_doctor(root):
    report = json.loads(root.run("podflame", "doctor", "--json").stdout)
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert report["possible"]
    assert states["CAP_SYS_PTRACE"].startswith("granted")
    done = root.run("setpriv", "--reuid", NOBODY, "--clear-groups", "podflame", "doctor", "-p", os.getpid(), check=False)
    assert done.returncode == 1
    assert re.search(r"^less +CAP_SYS_PTRACE +missing", done.stdout, re.M)


def check_agent(root, target, tmp_path):
    """As the unit runs it, it sees into a container and sends what it saw."""
    with Collector(tmp_path) as collector:
        command = as_unit(root, "podflame-agent", "PODFLAME_COLLECTOR=" + collector.url, "PODFLAME_WINDOW=1",
                          "PODFLAME_MODE=wall")
        said = tmp_path / "said"
        with open(said, "wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            eventually(lambda: collector.series_of(target), 60, said.read_text)
        finally:
            process.terminate()
            status = process.wait(MARGIN_SECONDS)
    assert status == 0, said.read_text()
