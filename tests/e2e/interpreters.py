# SPDX-License-Identifier: Apache-2.0
"""Every Python at hand: those of the Debian images, the host's, and pyenv's.

A case is an interpreter and where it runs: those of the images in Docker and in
bare namespaces, the host's own on the host.
"""

import os
import pathlib
import re
import struct
import subprocess
from typing import NamedTuple, Optional

from testbed import freethreaded

OLDEST, NEWEST = (3, 8), (3, 15)


class Interpreter(NamedTuple):
    name: str
    version: tuple
    command: tuple
    suite: Optional[str] = None  # of the image; None: the host's

    def __str__(self):
        return self.name


class Case(NamedTuple):
    interpreter: Interpreter
    kind: str  # "docker", "bare", "host"

    def __str__(self):
        return "%s-%s" % (self.interpreter, self.kind)


IN_IMAGES = [
    Interpreter("bullseye-3.9", (3, 9), ("python3",), "bullseye"),
    Interpreter("bookworm-3.11", (3, 11), ("python3",), "bookworm"),
    Interpreter("trixie-3.13", (3, 13), ("python3",), "trixie"),
    Interpreter("forky-3.14", (3, 14), ("python3.14",), "forky"),
    Interpreter("forky-3.15", (3, 15), ("python3.15",), "forky"),
]


def pyenv():
    """The interpreters of pyenv, where there is one."""
    try:
        done = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    found = []
    for folder in pathlib.Path(done.stdout.strip(), "versions").iterdir():
        match = re.fullmatch(r"(\d+)\.(\d+)\.\d+", folder.name)
        if match and (folder / "bin/python").exists():
            version = (int(match[1]), int(match[2]))
            found.append(Interpreter("pyenv-" + folder.name, version, (str(folder / "bin/python"),)))
    return sorted(found, key=lambda interpreter: interpreter.version)


def free_threaded():
    """One without the GIL: the one that PODFLAME_FREE_THREADED names, pyenv's newest, or the testbed's. Unavailable."""
    found = sorted(pathlib.Path(os.environ.get("PYENV_ROOT", "/root/.pyenv"), "versions").glob("*t/bin/python"))
    path = os.environ.get("PODFLAME_FREE_THREADED") or (found[-1] if found else freethreaded.program())
    return Interpreter("free-threaded", NEWEST, (str(path),))


def on_host():
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True)
    version = tuple(int(word) for word in done.stdout.split())
    return [Interpreter("host-%d.%d" % version, version, ("/usr/bin/python3",))] + pyenv()


ON_HOST = on_host()
SUPPORTED_ON_HOST = [i for i in ON_HOST if OLDEST <= i.version <= NEWEST]

# A machine without Docker has containers made by hand alone.
KINDS = os.environ.get("PODFLAME_TEST_KINDS", "docker,bare").split(",")
CONTAINED = [Case(i, kind) for i in IN_IMAGES for kind in KINDS]
EVERYWHERE = [Case(i, "host") for i in SUPPORTED_ON_HOST] + CONTAINED
# One case a version: enough where the kind of container makes no difference.
VERSIONS = [Case(i, "host") for i in SUPPORTED_ON_HOST if i.name.startswith("pyenv")] + \
           [Case(i, KINDS[0]) for i in IN_IMAGES]
BOOKWORM = Case(IN_IMAGES[1], KINDS[0])
BARE_BOOKWORM = Case(IN_IMAGES[1], "bare")


def disguised(folder, version):
    """The host's interpreter, made to say that it is CPython @version: one that podflame does not know."""
    code = "import os, sys; print(os.path.realpath(sys.executable), sys.hexversion)"
    done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True)
    path, own = done.stdout.split()
    image = pathlib.Path(path).read_bytes()
    own, wanted = struct.pack("<Q", int(own)), struct.pack("<Q", version[0] << 24 | version[1] << 16 | 0xf0)
    assert own in image, "%s does not hold Py_Version" % path
    copy = folder / ("python%d.%d" % version)
    copy.write_bytes(image.replace(own, wanted))
    copy.chmod(0o755)
    return Case(Interpreter("disguised", version, (str(copy),)), "host")
