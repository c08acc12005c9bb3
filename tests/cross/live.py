#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests in a Debian machine of their own (tests/testbed/machine.py): units and end-to-end tests, built for it before.

    live.py MACHINE BUILD [--units ROOM,...] [--only WORD] [--own-time] [--seconds S]
    live.py MACHINE BUILD --command COMMAND

MACHINE is arm64, another processor, or amd64, this one with Debian's own kernel, on which the tests may change what holds
for the whole machine (PODFLAME_OWN_KERNEL). BUILD is the folder of the build for it, with podflame and unit/*. The machine
has bookworm's Python 3.11 as its own, and in containers made by hand those of images.PACKAGES that it names. What it
writes is gone afterwards. The status is 0 if nothing failed. --command runs another command than the tests, in the folder
with the sources. --own-time: an emulator is 20 times slower than a processor, so what has 20 ms of CPU time would be given
up there; with it the machine's clock counts instructions.
"""

import argparse
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import PROJECT, Unavailable, images, machine  # noqa: E402

PACKAGES = ("python3", "python3-pytest", "python3-yaml", "libcriterion3", "procps", "strace", "gcc", "libc6-dev", "openssl",
            "iproute2", "libelf1", "libdw1", "libcap2", "libjson-c5", "libcurl4", "libmicrohttpd12", "libsqlite3-0", "libprotobuf-c1",
            "libxxhash0", "libseccomp2", "libncursesw6", "ca-certificates", "python3-selenium", "python3-greenlet")


def debian(architecture, suites, *more):
    return machine.Machine(architecture, "bookworm", PACKAGES + more, configured=False, suites=suites, modules=False)


class Tests(NamedTuple):
    file: str
    chosen: str = ""  # pytest's -k
    paranoid: int = 3  # kernel.perf_event_paranoid meanwhile: Debian's default, or what is of use to podflame


# By name: the machine, and its tests.
MACHINES = {
    "arm64": (debian("arm64", ("bullseye", "bookworm", "trixie", "forky")), (
        Tests("test_record.py", "not html and not pprof"),
        Tests("test_matrix.py"),
        Tests("test_dump.py"),
        Tests("test_engine.py", "grammar", paranoid=2),  # it is too slow for the labyrinth's rates, and for test_coverage.py
        Tests("test_native_dump.py"),
        Tests("test_native_shares.py", paranoid=2),  # it is too slow for the coverage that test_native.py asks for
        Tests("test_agent.py", "not page"),
        Tests("test_outlived.py"),
    )),
    "amd64": (debian("amd64", ("bookworm",), "apparmor", "libapparmor1", "python3-prometheus-client"), (
        Tests("test_doctor.py", "not a_container and not 3_3 and not cannot_be_read and not engine_is_the_one"),
        Tests("test_confinement.py", "not docker", paranoid=2),
        Tests("test_own_kernel.py"),
    )),
}

SETUP = """
set -u
mkdir -p /src /app && cd /src && tar -xf /input/source.tar && mkdir -p build .cache/rootfs && cp -r /input/podflame /input/unit build
export PODFLAME_TEST_KINDS=bare PODFLAME_OWN_KERNEL=1 PODFLAME_EMULATED=1 PYTHONDONTWRITEBYTECODE=1
echo "127.0.0.1 localhost" >/etc/hosts
ln -sf gcc /usr/bin/cc
%s
uname -a; python3 --version; nproc
status=0
"""


def sources(folder):
    """What git knows, as it lies here."""
    names = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=PROJECT, check=True,
                           capture_output=True).stdout
    there = b"\0".join(name for name in names.split(b"\0") if name and (PROJECT / name.decode()).exists())
    subprocess.run(["tar", "-cf", str(folder / "source.tar"), "--null", "-T", "-"], cwd=PROJECT, input=there, check=True)


def script(options):
    system, end_to_end = MACHINES[options.machine]
    roots = ["ln -s /suites/%s .cache/rootfs/%s-%s" % (suite, suite, images.recipe(suite)) for suite in system.suites]
    lines = [SETUP % "\n".join(roots)]
    if options.command:
        return "\n".join([*lines, options.command])
    for room in options.units:
        lines.append("echo '== unit-%s'; build/unit/%s || { status=1; echo '== unit-%s failed'; }" % (room, room, room))
    for tests in end_to_end:
        if options.only is not None and options.only not in tests.file:
            continue
        words = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=3", "tests/e2e/" + tests.file]
        words += ["-k", tests.chosen] if tests.chosen else []
        lines.append("echo '== %s'; echo %d >/proc/sys/kernel/perf_event_paranoid; %s || status=1" % (
            tests.file, tests.paranoid, shlex.join(words)))
    return "\n".join([*lines, "exit $status"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("machine", choices=MACHINES)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--units", type=lambda text: list(filter(None, text.split(","))), help="these rooms' alone")
    parser.add_argument("--only", help="files of end-to-end tests that have this in their name")
    parser.add_argument("--command")
    parser.add_argument("--own-time", action="store_true", help="the machine's clock counts instructions: see machine.py")
    parser.add_argument("--share", type=pathlib.Path, help="a folder that is /share there")
    parser.add_argument("--seconds", type=int, default=3 * 3600)
    options = parser.parse_args()
    if options.units is None:
        options.units = sorted(path.name for path in (options.build / "unit").iterdir())
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="podflame-live-") as name:
        folder = pathlib.Path(name)
        sources(folder)
        shutil.copy(options.build / "podflame", folder)
        shutil.copytree(options.build / "unit", folder / "unit")
        shares = [machine.Share(folder, "/input")]
        if options.share:
            shares.append(machine.Share(options.share, "/share", writable=True))
        # With its own time, an emulated x86 waits for its second processor for ever.
        status = machine.run(MACHINES[options.machine][0], script(options), shares=shares, seconds=options.seconds,
                             own_time=options.own_time, processors=1 if options.own_time and options.machine == "amd64" else 2)
    print("%s machine: status %d in %d s" % (options.machine, status, time.monotonic() - begin))
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        sys.exit(main())
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
