#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the path of a folder with another architecture's Debian packages, unpacked.

    sysroot.py ARCHITECTURE PACKAGE...

Enough to build against and to run programs in under qemu-user, and this machine's
own dpkg hears nothing of the other architecture. Made by mmdebstrap in half a
minute, cached under .cache/ by the list of packages. Needs root.
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import CACHE, images  # noqa: E402

RELEASE = "bookworm"


def main(architecture, packages):
    name = "%s-%s-%s" % (RELEASE, architecture, hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8])
    path = CACHE / "sysroot" / name

    def make():
        partial = path.with_name("partial-" + name)
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", "--architectures=" + architecture,
                        "--include=" + ",".join(packages), RELEASE, str(partial), *images.sites("Debian")[:1]],
                       check=True, stdout=sys.stderr)
        partial.rename(path)

    print(images.locked(path, make))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
