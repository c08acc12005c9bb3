#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs of a Kubernetes release, CoreDNS and kube-router, built by Go from their modules and kept in
.cache/kubernetes/.

    programs.py [VERSION...]    builds those of some releases, or of all of VERSIONS

The module k8s.io/kubernetes takes its staging modules from its own tree, which no other module may do. Ours requires
the same modules in the versions of the same release.
"""

import hashlib
import json
import pathlib
import re
import shutil
import signal
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from testbed import CACHE, Unavailable, tools  # noqa: E402
from testbed.images import locked  # noqa: E402

VERSIONS = ("v1.33.5", "v1.37.2")
ROUTER = "v2.1.0"
COREDNS = pathlib.Path(__file__).parent / "coredns"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
MAIN = """package main

import (
\t"os"
\t"path/filepath"
)

func main() {
\tswitch filepath.Base(os.Args[0]) {
%s
\tdefault:
\t\tos.Exit(2)
\t}
}
"""
# Where a program's version is set: kubectl has a copy of its own.
STAMPS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def staging_version(version):
    """Of the modules that are released with it: v0.33.5 for v1.33.5."""
    return "v0." + version.partition(".")[2]


def module(theirs, version):
    """The go.mod of a module that builds theirs, of which this is the go.mod."""
    staging = staging_version(version)
    replaced = re.findall(r"^\t(\S+) => \./staging/", theirs, re.M)
    lines = ["module podflame.test/kubernetes", *re.findall(r"^(?:go|godebug) .*$", theirs, re.M),
             "require k8s.io/kubernetes " + version]
    for block in re.findall(r"^require \(.*?^\)", theirs, re.M | re.S):
        lines.append(re.sub(r" v0\.0\.0$", " " + staging, block, flags=re.M))
    lines += ["replace %s => %s %s" % (name, name, staging) for name in replaced]
    return "\n".join(lines) + "\n"


def flags(version):
    stamps = " ".join("-X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s" %
                      (path, version, path, path, version.split(".")[1]) for path in STAMPS)
    return "-ldflags=-s -w " + stamps


def entry(name):
    """Where a program begins, once it is one of several in a file."""
    return "main_" + name.replace("-", "_")


def write_sources(theirs, folder):
    """One program that is all of them, by the name that it is called by: they share most of their code, and are linked once.
    Each begins with its own main(), from its own file."""
    for name in PROGRAMS:
        [source] = [path.read_text() for path in sorted((theirs / "cmd" / name).glob("*.go")) if "func main()" in path.read_text()]
        (folder / (entry(name) + ".go")).write_text(source.replace("func main()", "func %s()" % entry(name)))
    cases = "\n".join("\tcase %s:\n\t\t%s()" % (json.dumps(name), entry(name)) for name in PROGRAMS)
    (folder / "main.go").write_text(MAIN % cases)


def build(version, target):
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        folder = pathlib.Path(folder)
        theirs = tools.module_folder("k8s.io/kubernetes@" + version, folder)
        (folder / "go.mod").write_text(module((theirs / "go.mod").read_text(), version))
        shutil.copy(theirs / "go.sum", folder / "go.sum")
        write_sources(theirs, folder)
        (folder / "out").mkdir()
        tools.go("build", "-mod=mod", flags(version), "-o", str(folder / "out/kubernetes"), ".", folder=folder)
        for name in PROGRAMS:
            (folder / "out" / name).symlink_to("kubernetes")
        (folder / "out").rename(target)


def recipe(*words):
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def release(version):
    """The folder that has the programs of a release; builds them, which takes many minutes the first time."""
    path = CACHE / "kubernetes" / ("%s-%s" % (version, recipe(flags(version), MAIN, *PROGRAMS)))
    return locked(path, lambda: build(version, path))


def build_coredns(target):
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        tools.go("build", "-ldflags=-s -w", "-o", str(pathlib.Path(folder) / "coredns"), ".", folder=COREDNS)
        (pathlib.Path(folder) / "coredns").rename(target)


def coredns():
    sources = [(COREDNS / name).read_text() for name in ("main.go", "go.mod")]
    path = CACHE / "kubernetes" / ("coredns-" + recipe(*sources))
    return locked(path, lambda: build_coredns(path))


def build_router(target):
    package = "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@" + ROUTER
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        tools.install("kube-router", package)(pathlib.Path(folder)).rename(target)


def router():
    """What enforces network policies. That is all it is used for."""
    path = CACHE / "kubernetes" / ("kube-router-" + ROUTER)
    return locked(path, lambda: build_router(path))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        for wanted in sys.argv[1:] or VERSIONS:
            print(release(wanted), flush=True)
        print(coredns(), flush=True)
        print(router(), flush=True)
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
