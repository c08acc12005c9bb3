#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that Debian does not have, built by Go from their modules and kept in .cache/go/.

    tools.py NAME...

builds some of: crictl, otelcol, pyroscope. That takes minutes and needs a newer Go
than Debian 12's; a test whose program is not there is skipped.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import CACHE, PROJECT, Unavailable  # noqa: E402
from testbed.images import locked  # noqa: E402

COLLECTORS = PROJECT / "tests/collectors"
CRICTL = "v1.34.0"
BUILDER = "v0.161.0"


class NotBuilt(Unavailable):
    """It is not there, and Debian's packages are no help: no one's fault."""


def go(*arguments, folder, **environment):
    done = subprocess.run(["go", *arguments], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise Unavailable("go %s:\n%s" % (" ".join(arguments), done.stderr[-2000:]))


def build_crictl(folder):
    go("install", "sigs.k8s.io/cri-tools/cmd/crictl@" + CRICTL, folder=folder, GOBIN=str(folder))
    return folder / "crictl"


def build_otelcol(folder):
    go("run", "go.opentelemetry.io/collector/cmd/builder@" + BUILDER, "--config", str(COLLECTORS / "otelcol.yaml"),
       folder=folder)
    return folder / "out/otelcol"


def build_pyroscope(folder):
    go("build", "-trimpath", "-ldflags=-s -w", "-o", str(folder / "pyroscope"), ".", folder=COLLECTORS / "pyroscope")
    return folder / "pyroscope"


def version_of(*sources):
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]


# By name: what tells one build from another, and what builds it, given an empty folder.
PROGRAMS = {
    "crictl": (CRICTL, build_crictl),
    "otelcol": (version_of(COLLECTORS / "otelcol.yaml"), build_otelcol),
    "pyroscope": (version_of(*(COLLECTORS / "pyroscope" / name for name in ("main.go", "go.mod"))), build_pyroscope),
}


def path_of(name):
    return CACHE / "go" / ("%s-%s" % (name, PROGRAMS[name][0]))


def program(name):
    path = path_of(name)
    if not path.exists():
        raise NotBuilt("%s is not built: docker/testbed/tools.py %s" % (name, name))
    return path


def build(name):
    path = path_of(name)

    def make():
        if not shutil.which("go"):
            raise NotBuilt("Go is missing, which builds " + name)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            PROGRAMS[name][1](pathlib.Path(folder)).rename(path)

    return locked(path, make)


if __name__ == "__main__":
    try:
        for wanted in sys.argv[1:]:
            print(build(wanted))
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
