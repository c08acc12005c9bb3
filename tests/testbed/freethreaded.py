#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A CPython without the GIL, built of Debian's sources and kept in .cache/python/: Debian packages none.

    freethreaded.py

builds it. That takes minutes, so `make test` does not: tests that need it are skipped where it is not there. CI builds it.
"""

import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import CACHE, Unavailable  # noqa: E402
from testbed.images import locked, sites  # noqa: E402

# A release that is stable keeps its sources.
SUITE, SOURCE = "trixie", "python3.13"
CONFIGURE = ["--disable-gil", "--without-ensurepip", "--disable-test-modules", "--without-doc-strings", "CFLAGS=-O1"]
RECIPE = hashlib.sha256(" ".join([SUITE, SOURCE, *CONFIGURE]).encode()).hexdigest()[:8]
PLACE = CACHE / "python" / ("%st-%s" % (SOURCE, RECIPE))


def run(*command, folder):
    done = subprocess.run(list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable("%s: %s" % (" ".join(map(str, command[:2])), (done.stderr or done.stdout).strip()[-1000:]))


def fetch(folder):
    """The source's folder. apt has a state of its own in @folder: this machine's may know no sources, or other suites."""
    mirrors = sites("Debian")
    if not mirrors:
        raise Unavailable("this machine's apt has no mirror of Debian")
    (folder / "sources.list").write_text("deb-src %s %s main\n" % (mirrors[0], SUITE))
    (folder / "status").touch()
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = {"Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "-", "APT::Sandbox::User": "root",
               "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache"}
    apt = ["apt-get", "-q", *("-o%s=%s" % item for item in options.items())]
    run(*apt, "update", folder=folder)
    run(*apt, "source", "--download-only", SOURCE, folder=folder)
    run("tar", "-xf", *folder.glob("%s_*.orig.tar.*z" % SOURCE), folder=folder)
    tree, = folder.glob("Python-*")
    return tree


def make():
    with tempfile.TemporaryDirectory(prefix="partial-", dir=PLACE.parent) as name:
        tree = fetch(pathlib.Path(name))
        run("./configure", *CONFIGURE, folder=tree)
        run("make", "-j%d" % (os.cpu_count() or 1), folder=tree)
        for rest in (*tree.rglob("*.o"), *tree.rglob("*.a")):
            rest.unlink()
        tree.rename(PLACE)


def program():
    """Its path."""
    if not PLACE.exists():
        raise Unavailable("no free-threaded Python here: tests/testbed/freethreaded.py builds one, "
                          "PODFLAME_FREE_THREADED=/path/to/python names another")
    return PLACE / "python"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        locked(PLACE, make)
        print(program())
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
