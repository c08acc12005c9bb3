#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs commands in a new Debian 12, so that what this machine happens to have cannot hide a missing step.

    root.py [--empty] COMMAND...      such as: root.py 'make demo DEMO_SECONDS=20' 'make test'

Each COMMAND is a line for the shell, run in a copy of this checkout (what git does not ignore). The root has
mount, PID, UTS and IPC namespaces of its own. It gets nothing of this machine but the way to the package registries
(the settings of apt, npm, pip and Go, and the certificates) and a cache of packages, in .cache/fresh/ and
.cache/rootfs/; --empty takes a new cache, which is removed afterwards. At the end nothing is left: no process,
no mount, no folder, no cgroup. Needs root and mmdebstrap.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from testbed import ends_with_us  # noqa: E402
from testbed.images import alone, run_to_end, sites  # noqa: E402

# Where the copy of the checkout lies in the root.
INSIDE = "root/podflame"
RELEASE, PACKAGES = "bookworm", "ca-certificates,git,make,mount"
STOP_SECONDS = 20

# Folders of the cache, and where they are seen in the root.
CACHES = {"apt": "var/cache/apt/archives", "npm": "root/.npm", "gomod": "root/go/pkg/mod", "gobuild": "root/.cache/go-build",
          "rootfs": INSIDE + "/.cache/rootfs"}

# What tells programs the way to their registries: variables, Go's settings, lines of `apt-config dump`, files.
VARIABLES = re.compile(r"(?i)\w+_proxy|SSL_CERT_\w+|\w+_CA_BUNDLE|NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO|npm_config_\w+|"
                       r"PIP_(CERT|\w*INDEX_URL|TRUSTED_HOST|DEFAULT_TIMEOUT|RETRIES)|CI")
GO_SETTINGS = re.compile(r"(GOPROXY|GOSUMDB|GONOSUMDB|GONOSUMCHECK|GONOPROXY|GOPRIVATE|GOINSECURE|GOFLAGS)=")
APT_SETTINGS = re.compile(r"Acquire::(https?|Retries|Check-|ForceIP)")
FILES = ["/etc/pip.conf", "/etc/npmrc", "/etc/hosts", "/etc/resolv.conf", "~/.npmrc", "~/.pip/pip.conf",
         "~/.config/pip/pip.conf"]
FOLDERS = ["/etc/ssl/certs", "/usr/local/share/ca-certificates", "/etc/apt/auth.conf.d", "/etc/apt/trusted.gpg.d"]


def say(text):
    print("fresh: " + text, flush=True)


# ---- what is in the root ---------------------------------------------------------


def sources():
    """Lines for apt, of the sites that this machine's apt uses; none where it has others than Debian's: mmdebstrap knows one."""
    debian, security = (sites(label) for label in ("Debian", "Debian-Security"))
    lines = ["deb %s %s main" % (site, suite) for site in debian[:1] for suite in (RELEASE, RELEASE + "-updates")]
    return lines + ["deb %s %s-security main" % (site, RELEASE) for site in security[:1]]


def bootstrap(root):
    status, words = run_to_end(["mmdebstrap", "--quiet", "--variant=apt", "--include=" + PACKAGES, RELEASE, str(root),
                                *sources()])
    if status != 0:
        sys.exit("mmdebstrap could not make a Debian %s: %s" % (RELEASE, words.strip()[-2000:]))


def copy_way(root):
    """The way to the registries; nothing else of this machine."""
    for name in FOLDERS + FILES:
        source = os.path.expanduser(name)
        target = root / name.replace("~", "/root")[1:]
        if os.path.exists(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            # Links in the root point out of it until it is one.
            subprocess.run(["cp", "-rL", "--remove-destination", "-T", source, str(target)], stderr=subprocess.DEVNULL)
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout.splitlines()
    settings = [line for line in dump if APT_SETTINGS.match(line)]
    keep = ['Binary::apt-get::APT::Keep-Downloaded-Packages "true";', 'APT::Keep-Downloaded-Packages "true";']
    (root / "etc/apt/apt.conf.d/90fresh").write_text("\n".join(settings + keep) + "\n")
    with contextlib.suppress(OSError):
        go = pathlib.Path("~/.config/go/env").expanduser().read_text().splitlines()
        (root / "root/.config/go").mkdir(parents=True)
        (root / "root/.config/go/env").write_text("".join(line + "\n" for line in go if GO_SETTINGS.match(line)))


def copy_checkout(root):
    target = root / INSIDE
    target.mkdir(parents=True)
    names = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=PROJECT, capture_output=True,
                           check=True).stdout.split(b"\0")
    names = b"\0".join(name for name in names if name and os.path.lexists(os.path.join(os.fsencode(PROJECT), name)))
    packed = subprocess.run(["tar", "-C", str(PROJECT), "--null", "-T", "-", "-cf", "-", ".git"], input=names,
                            stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-C", str(target), "--no-same-owner", "-xf", "-"], input=packed, check=True)


def environment():
    named = {name: value for name, value in os.environ.items() if VARIABLES.fullmatch(name) or GO_SETTINGS.match(name + "=")}
    return {**named, "HOME": "/root", "USER": "root", "TERM": os.environ.get("TERM", "dumb"),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


# ---- running in it -----------------------------------------------------------------


def run(root, caches, commands):
    """Runs init.sh as the first process of new namespaces; returns its status. They end with it, and it with us."""
    binds = []
    for name, inside in CACHES.items():
        (caches[name]).mkdir(parents=True, exist_ok=True)
        (root / inside).mkdir(parents=True, exist_ok=True)
        binds.append("%s:%s" % (caches[name], inside))
    command = [*ends_with_us("KILL"), "unshare", "--mount", "--pid", "--uts", "--ipc", "--propagation", "private",
               "--kill-child", "--", "/bin/bash", str(HERE / "enter.sh"), str(root), INSIDE, *binds, "--", *commands]
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()


def cgroups():
    """Every cgroup of this machine."""
    return {pathlib.Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup")}


def remove_cgroups(before):
    """Those of containers that were ended with the root; a group with a process in it stays by itself."""
    for folder in sorted(cgroups() - before, key=lambda path: -len(path.parts)):
        if {"docker", "podflame-test", "libpod_parent", "k8s.io"} & set(folder.parts):
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove(folder):
    """The last processes may take a moment to leave it."""
    end = time.monotonic() + STOP_SECONDS
    while os.path.lexists(folder):
        done = subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], capture_output=True, text=True)
        if done.returncode != 0 and time.monotonic() > end:
            say("could not be removed: " + done.stderr.strip()[-300:])
            return
        time.sleep(0.2 if done.returncode else 0)


def main(arguments):
    empty = arguments[:1] == ["--empty"]
    commands = arguments[empty:]
    if not commands or commands[0].startswith("-"):
        sys.exit(__doc__)
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        sys.exit("fresh: a Debian root is made by root, with mmdebstrap: apt-get install mmdebstrap")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    before = cgroups()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podflame-fresh-", dir="/var/tmp"))
    store = folder / "cache" if empty else PROJECT / ".cache/fresh"
    caches = {name: store / name for name in CACHES}
    if not empty:
        caches["rootfs"] = PROJECT / ".cache/rootfs"
    try:
        with alone(store / "one"):  # apt takes a cache for itself alone
            begin = time.monotonic()
            bootstrap(folder / "root")
            copy_way(folder / "root")
            copy_checkout(folder / "root")
            say("a new Debian in %.0f s" % (time.monotonic() - begin))
            return run(folder / "root", caches, commands)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        remove(folder)
        remove_cgroups(before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
