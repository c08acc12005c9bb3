#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Root file systems of Debian suites with their Pythons, as tarballs and directories.

Made by mmdebstrap from the mirror that this host's apt uses. They lie in .cache/,
under a name that changes with the recipe. Needs root.

    images.py [SUITE...]    makes those that are not there, or all
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import CACHE, Unavailable  # noqa: E402

# Debian's Pythons from 3.9 to 3.15, and a 2.7. What follows a suite's name tells its images apart.
PACKAGES = {
    "bullseye": ["python3", "python2"],
    "bookworm": ["python3"],
    "bookworm-slim": ["apt"],  # what podflame's own image is built on, where no registry can be reached
    "bookworm-web": ["uwsgi-core", "uwsgi-plugin-python3", "gunicorn", "apache2", "libapache2-mod-wsgi-py3"],
    "bookworm-database": ["gunicorn", "python3-django", "python3-psycopg2", "postgresql-15"],
    "bookworm-native": ["python3-numpy", "libopenblas0-pthread", "python3-lxml", "python3-ujson", "python3-zstandard",
                        "python3-cryptography", "python3-contourpy"],
    "bookworm-large": ["python3", "libllvm14", "libllvm15", "libllvm16", "libllvm19", "libclang-cpp14", "libclang-cpp16"],
    "bookworm-greenlet": ["python3-gevent"],
    "trixie": ["python3"],
    "trixie-native": ["python3-numpy", "libopenblas0-pthread", "python3-lxml", "python3-ujson", "python3-zstandard",
                      "python3-cryptography", "python3-contourpy", "python3-orjson"],
    "trixie-tasks": ["python3-fastapi", "python3-uvicorn", "python3-uvloop", "python3-aiohttp", "python3-celery", "python3-gevent",
                     "python3-greenlet"],
    "forky": ["python3.14", "python3.15"],
}

# Made only when a test asks for them.
LATE = ("bookworm-large",)

# What they can do without: PostgreSQL needs LLVM and Z3 only to compile queries, and Django translations only to speak them. Of
# manuals PostgreSQL wants folders.
FURTHER = {
    "bookworm-database": [
        "--dpkgopt=path-exclude=/usr/lib/*/libLLVM*",
        "--dpkgopt=path-exclude=/usr/lib/*/libz3*",
        "--dpkgopt=path-exclude=/usr/lib/postgresql/*/bitcode/*",
        "--dpkgopt=path-exclude=/usr/share/i18n/*",
        "--dpkgopt=path-exclude=/usr/lib/python3/dist-packages/django/*.[mp]o",
        "--essential-hook=mkdir -p $1/usr/share/man/man1 $1/usr/share/man/man7",
    ],
}

OPTIONS = [
    "--variant=essential",
    # A testing suite's Release file may be older than its Valid-Until on a mirror.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    # Programs are mounted there: the directory must not be a change in the container.
    "--customize-hook=mkdir $1/app",
]


def options(suite):
    return OPTIONS + FURTHER.get(suite, [])


def recipe(suite):
    words = [suite] + options(suite) + PACKAGES[suite]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def sites(label):
    """Where this host's apt gets what has that label from; nothing elsewhere than on a Debian."""
    try:
        return subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Label: " + label],
                              capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return []


def bootstrap(suite, tarball):
    if os.geteuid() != 0:
        raise Unavailable("making Debian images needs root")
    if not shutil.which("mmdebstrap"):
        raise Unavailable("mmdebstrap is missing: apt-get install mmdebstrap")
    command = ["mmdebstrap", "--quiet"] + options(suite) + ["--include=" + ",".join(PACKAGES[suite])]
    release = suite.partition("-")[0]
    with tempfile.TemporaryDirectory(prefix="partial-", dir=tarball.parent) as folder:
        os.chmod(folder, 0o755)  # apt gives up its rights
        partial = pathlib.Path(folder, tarball.name)
        status, words = run_to_end(command + [release, str(partial)] + sites("Debian")[:1], TMPDIR=folder)
        if status != 0:
            raise Unavailable("mmdebstrap could not make %s: %s" % (suite, words.strip()[-2000:]))
        partial.rename(tarball)


def run_to_end(command, **environment):
    """Its status and what it said. If we are interrupted, it may clean up first."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **environment}, start_new_session=True)
    try:
        words = process.communicate()[1]
    except BaseException:
        process.terminate()
        process.communicate()
        raise
    return process.returncode, words


@contextlib.contextmanager
def alone(path):
    """One process at a time is in here with @path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def locked(path, make):
    """Makes @path by calling make() unless it is there."""
    with alone(path):
        if not path.exists():
            make()
    return path


def tarball(suite):
    path = CACHE / "rootfs" / ("%s-%s.tar" % (suite, recipe(suite)))
    return locked(path, lambda: bootstrap(suite, path))


def directory(suite):
    """The same, unpacked."""
    path = CACHE / "rootfs" / ("%s-%s" % (suite, recipe(suite)))

    def unpack():
        source = tarball(suite)
        partial = path.with_name("partial-" + path.name)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        subprocess.run(["tar", "-C", str(partial), "-xf", str(source)], check=True)
        partial.rename(path)

    return locked(path, unpack)


def docker(daemon, suite, name=None):
    """Imports it into @daemon, if it is not there, and returns the image's name."""
    name = name or "podflame-test-%s:%s" % (suite, recipe(suite))
    source = tarball(suite)
    with alone(source):
        if not daemon.call("images", "--quiet", name):
            daemon.call("import", str(source), name)
    return name


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        for wanted in sys.argv[1:] or (name for name in PACKAGES if name not in LATE):
            tarball(wanted)
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
