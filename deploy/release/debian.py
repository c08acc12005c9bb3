# SPDX-License-Identifier: Apache-2.0
"""Debian roots by mmdebstrap: one in which both architectures' packages are built, and the file systems of the images.

They come from where this machine's apt gets Debian, or from mmdebstrap's own choice on another system. Needs root.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

RELEASE = "bookworm"
NATIVE = "amd64"
ARCHITECTURES = ("amd64", "arm64")
# What builds the program, of the building machine's architecture; and what it is built against, of both.
TOOLS = ["gcc", "gcc-aarch64-linux-gnu", "make", "protobuf-c-compiler", "uthash-dev", "debhelper", "dpkg-dev"]
# In the image beside what the program needs: a shell for the health check and for people, and certificates.
BESIDE = ["base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "libc-bin"]
# Licences stay; other documents and translations do not.
LEAVE_OUT = ["--dpkgopt=path-exclude=/usr/share/%s/*" % what for what in ("doc", "man", "info", "locale", "lintian")] + \
            ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
A_DAY = 24 * 3600


def run(command, **options):
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, **options)


def said(command):
    return run(command, capture_output=True, text=True).stdout


def mirrors():
    """Lines of sources.list with all suites of the release, or nothing."""
    try:
        listed = said(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"])
    except (OSError, subprocess.CalledProcessError):
        return []
    found = {tuple(line.split()) for line in listed.splitlines()}
    return ["deb %s %s main" % pair for pair in sorted(found) if len(pair) == 2 and pair[1].partition("-")[0] == RELEASE]


def bootstrap(variant, architectures, packages, target, *options, epoch=None):
    environment = {**os.environ, **({"SOURCE_DATE_EPOCH": str(epoch)} if epoch else {})}
    run(["mmdebstrap", "--quiet", "--variant=" + variant, "--architectures=" + ",".join(architectures), *LEAVE_OUT, *options,
         "--include=" + ",".join(packages), RELEASE, target, *mirrors()], env=environment)


def build_depends(control):
    """The libraries of Build-Depends: what is neither a tool nor only for npm."""
    text = re.search(r"^Build-Depends:(.*\n(?: .*\n)*)", control, re.M)[1]
    names = [re.split(r"[ (]", name.strip())[0] for name in text.split(",")]
    return [name for name in names if name.startswith("lib") or name.startswith("zlib")] + ["libc6-dev"]


@contextlib.contextmanager
def build_root(folder, control):
    """The path of a Debian in which both architectures are built. It is kept in @folder for a day, then made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "root"
    libraries = build_depends(control)
    packages = TOOLS + ["%s:%s" % (name, arch) for arch in ARCHITECTURES for name in libraries + ["pkgconf"]]
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made"
        if not made.exists() or made.read_text() != " ".join(packages) or time.time() - made.stat().st_mtime > A_DAY:
            made.unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)
            bootstrap("essential", ARCHITECTURES, packages, path)
            made.write_text(" ".join(packages))
        fcntl.flock(lock, fcntl.LOCK_SH)  # others may build in it, too
        yield path


# Nothing that is built changes the root: it is mounted read-only, but for /build and /tmp. There is no network.
BUILD = r"""
set -e
umask 022
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --bind "$2" "$1/build"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind /dev "$1/dev"
mount -t proc proc "$1/proc"
cd "$1/build/$3"
exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/nonexistent SOURCE_DATE_EPOCH="$5" \
        DEB_BUILD_OPTIONS="parallel=$(nproc)" sh -c 'cd "$0" && exec dpkg-buildpackage -a"$1" --build=binary --no-sign -d' \
        "/build/$3" "$4"
"""


def build_packages(root, tarball, name, architecture, epoch):
    """Builds the Debian packages of @tarball for @architecture in @root, and yields the folder that they are in."""
    (root / "build").mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podflame-release-"))
    folder.chmod(0o755)
    run(["tar", "-C", folder, "--no-same-owner", "-xf", tarball])
    shutil.copytree(folder / name / "deploy/debian", folder / name / "debian")
    with open(folder / "log", "w") as log:
        done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", BUILD, "sh", str(root),
                               str(folder), name, architecture, str(epoch)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if done.returncode != 0:
        raise SystemExit("%s: building for %s failed:\n%s" % (folder, architecture, (folder / "log").read_text()[-4000:]))
    return folder


def control_of(package):
    """A package's control fields."""
    text = re.sub(r"\n ", "\0", said(["dpkg-deb", "--field", package]))
    return {key: value.replace("\0", "\n ") for key, _, value in (line.partition(": ") for line in text.splitlines() if ": " in line)}


def needed(package):
    """The names of what a package depends on: of alternatives the first."""
    depends = control_of(package)["Depends"]
    return [re.split(r"[ (|:]", item.strip())[0] for item in depends.split(",")]


def status_of(package):
    """Its entry of dpkg's list of what is installed."""
    lines = said(["dpkg-deb", "--field", package]).splitlines()
    return "\n".join([lines[0], "Status: install ok installed", *lines[1:]]) + "\n"


def image_root(folder, architecture, package, epoch):
    """Makes the root of an image below @folder: libraries, and the program of @package. Returns the root, and the packages in it.

    Packages are unpacked and their scripts do not run, so any machine makes it for any architecture. What scripts would have
    made and the program needs is made here: users, certificates, the list of packages.
    """
    root, archives = folder / "root", folder / "archives"
    archives.mkdir()
    bootstrap("extract", [architecture], sorted({*BESIDE, *needed(package)}), root, "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
              '--extract-hook=cp "$1"/var/cache/apt/archives/*.deb "%s"' % archives, epoch=epoch)
    run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$0" | tar -C "$1" -xf - ./usr/bin ./usr/share/doc/podflame/copyright', package, root])
    for name in ("etc/apt", "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("var/cache", "var/log", "var/lib/dpkg/info", "var/lib/dpkg/updates"):
        (root / name).mkdir(parents=True)
    packages = sorted(archives.glob("*.deb")) + [package]
    (root / "var/lib/dpkg/status").write_text("\n".join(map(status_of, packages)))
    for name, line in (("passwd", "podflame:x:65532:65532::/var/lib/podflame:/usr/sbin/nologin\n"), ("group", "podflame:x:65532:\n")):
        (root / "etc" / name).write_text((root / "usr/share/base-passwd" / (name + ".master")).read_text() + line)
    shutil.copy(root / "usr/share/libc-bin/nsswitch.conf", root / "etc/nsswitch.conf")
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    (root / "etc/ssl/certs/ca-certificates.crt").write_text("".join(path.read_text() for path in certificates))
    if not (root / "bin/sh").exists():
        (root / "bin/sh").symlink_to("dash")
    home = root / "var/lib/podflame"
    home.mkdir(mode=0o700)
    os.chown(home, 65532, 65532)
    return root, packages
