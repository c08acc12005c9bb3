# SPDX-License-Identifier: Apache-2.0
"""Programs that Debian does not have, built by Go from their modules and kept in .cache/."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from . import CACHE, Unavailable
from .images import locked

CRICTL = "v1.34.0"


class NoGo(Unavailable):
    """There is no Go here, and Debian 12's is too old: no one's fault."""


def need_go():
    if not shutil.which("go"):
        raise NoGo("Go is missing, which builds what Debian does not have")


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Unavailable("%s:\n%s" % (" ".join(command), done.stderr[-2000:]))


def built(name, build):
    """The program .cache/go/@name; made by build(folder), which leaves it in the folder under the same name."""
    path = CACHE / "go" / name

    def make():
        need_go()
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            build(pathlib.Path(folder))
            (pathlib.Path(folder) / name).rename(path)

    return locked(path, make)


def install(module, program, version, folder, name):
    """`go install`."""
    run(["go", "install", "%s@%s" % (module, version)], env={**os.environ, "GOBIN": str(folder)})
    (folder / program).rename(folder / name)


def crictl():
    name = "crictl-" + CRICTL
    return built(name, lambda folder: install("sigs.k8s.io/cri-tools/cmd/crictl", "crictl", CRICTL, folder, name))
