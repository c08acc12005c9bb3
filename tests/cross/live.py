#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests in a Debian arm64 machine (tests/testbed/machine.py): units and end-to-end tests, built for it before.

    live.py BUILD [--units ROOM,...] [--only WORD] [--own-time] [--seconds S]
    live.py BUILD --command COMMAND

BUILD is the folder of the cross-build, with podflame and unit/*. The machine has bookworm's Python 3.11 as its own, and
in containers made by hand those of images.PACKAGES that SUITES names. What it writes is gone afterwards. The status is 0
if nothing failed. --command runs another command than the tests, in the folder with the sources.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import PROJECT, Unavailable, images, machine  # noqa: E402

SUITES = ("bullseye", "bookworm", "trixie", "forky")
PACKAGES = ("python3", "python3-pytest", "python3-yaml", "libcriterion3", "procps", "strace", "gcc", "libc6-dev", "openssl",
            "iproute2", "libelf1", "libdw1", "libcap2", "libjson-c5", "libcurl4", "libmicrohttpd12", "libsqlite3-0", "libprotobuf-c1",
            "libxxhash0", "libseccomp2", "libncursesw6", "ca-certificates", "python3-selenium", "python3-greenlet")
MACHINE = machine.Machine("arm64", "bookworm", PACKAGES, configured=False, suites=SUITES, modules=False)

# File, and what of it; nothing is all of it.
END_TO_END = (
    ("test_record.py", "not html and not pprof"),
    ("test_matrix.py", ""),
    ("test_dump.py", ""),
    ("test_engine.py", "grammar or labyrinth or other_engines"),
    ("test_coverage.py", ""),
    ("test_native.py", ""),
    ("test_native_shares.py", ""),
    ("test_native_dump.py", ""),
    ("test_native_cases.py", ""),
    ("test_agent.py", "not page"),
    ("test_greenlets.py", ""),
    ("test_outlived.py", ""),
)

SETUP = """
set -u
mkdir -p /src /app && cd /src && tar -xf /input/source.tar && mkdir -p build .cache/rootfs && cp /input/podflame build/podflame
export PODFLAME_TEST_KINDS=bare PYTHONDONTWRITEBYTECODE=1
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
    roots = ["ln -s /suites/%s .cache/rootfs/%s-%s" % (suite, suite, images.recipe(suite)) for suite in SUITES]
    lines = [SETUP % "\n".join(roots)]
    if options.command:
        return "\n".join([*lines, options.command])
    for room in options.units:
        lines.append("echo '== unit-%s'; /input/unit/%s || { status=1; echo '== unit-%s failed'; }" % (room, room, room))
    for file, chosen in END_TO_END:
        if options.only is not None and options.only not in file:
            continue
        words = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=3", "tests/e2e/" + file]
        words += ["-k", chosen] if chosen else []
        lines.append("echo '== %s'; %s || status=1" % (file, shlex.join(words)))
    return "\n".join([*lines, "exit $status"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    with tempfile.TemporaryDirectory(prefix="podflame-arm64-") as name:
        folder = pathlib.Path(name)
        sources(folder)
        shutil.copy(options.build / "podflame", folder)
        shutil.copytree(options.build / "unit", folder / "unit")
        shares = [machine.Share(folder, "/input")]
        if options.share:
            shares.append(machine.Share(options.share, "/share", writable=True))
        status = machine.run(MACHINE, script(options), shares=shares, seconds=options.seconds, own_time=options.own_time)
    print("arm64 machine: status %d in %d s" % (status, time.monotonic() - begin))
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        sys.exit(main())
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
