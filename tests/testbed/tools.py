#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that Debian does not have, built by Go from their modules and kept in .cache/go/.

    tools.py [NAME...]

builds some of PROGRAMS, or all but the LARGE. That takes minutes, with a Go that any Go, such as Debian's, fetches as a
module. A test whose program is not there builds it if PODFLAME_TOOLS=build says so (make test), else it is skipped. A
LARGE program is only built by its name.
"""

import hashlib
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import CACHE, PROJECT, Unavailable  # noqa: E402
from testbed.images import locked  # noqa: E402

COLLECTORS = PROJECT / "tests/collectors"
GO = "go1.26.0"
GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CRICTL = "v1.34.0"
ACTIONLINT = "v1.7.12"
HELM, KUSTOMIZE, KUBECONFORM = "v3.11.3", "v5.0.3", "v0.6.3"
BUILDER = "v0.165.0"
PARCA = "v0.28.0"
EBPF_PROFILER = "v0.0.202633"


class NotBuilt(Unavailable):
    """It is not there, and Debian's packages are no help: no one's fault."""


def run_go(program, *arguments, folder, **environment):
    # With -trimpath all programs share one build of the standard library, which takes a minute of two CPUs.
    flags = (os.environ.get("GOFLAGS", "") + " -trimpath").strip()
    environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": flags, **environment}
    done = subprocess.run([str(program), *arguments], cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise NotBuilt("go %s: %s" % (" ".join(arguments), done.stderr.strip()[-1000:]))
    return done.stdout


def module_folder(module, folder):
    """Where Go has unpacked a module of that version."""
    return pathlib.Path(json.loads(go("mod", "download", "-json", module, folder=folder))["Dir"])


def fetch_go(link):
    """As a module it comes without the permission to run."""
    if not shutil.which("go"):
        raise NotBuilt("Go is missing, which builds it: apt-get install golang-go")
    module = "golang.org/toolchain@v0.0.1-%s.linux-%s" % (GO, GO_ARCHITECTURES[platform.machine()])
    folder = pathlib.Path(json.loads(run_go("go", "mod", "download", "-json", module, folder=link.parent))["Dir"])
    for program in (*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")):
        program.chmod(0o755)
    link.unlink(missing_ok=True)
    link.symlink_to(folder)


def go(*arguments, folder, **environment):
    program = locked(CACHE / "go" / GO, lambda: fetch_go(CACHE / "go" / GO)) / "bin/go"
    path = "%s:%s" % (program.parent, os.environ["PATH"])  # one Go calls another
    return run_go(program, *arguments, folder=folder, PATH=path, **environment)


def install(name, package):
    """What builds a program that is a package of a module."""
    def build_in(folder):
        go("install", "-ldflags=-s -w", package, folder=folder, GOBIN=str(folder))
        return folder / name
    return build_in


def build_otelcol(folder):
    go("run", "go.opentelemetry.io/collector/cmd/builder@" + BUILDER, "--config", str(COLLECTORS / "otelcol.yaml"),
       folder=folder)
    return folder / "out/otelcol"


def build_pyroscope(folder):
    go("build", "-ldflags=-s -w", "-o", str(folder / "pyroscope"), ".", folder=COLLECTORS / "pyroscope")
    return folder / "pyroscope"


def build_pyroscope_server(folder):
    # Its own go.work leads to folders that the module does not have.
    go("build", "-ldflags=-s -w", "-o", str(folder / "pyroscope-server"), "github.com/grafana/pyroscope/cmd/pyroscope",
       folder=COLLECTORS / "pyroscope-server", GOWORK="off")
    return folder / "pyroscope-server"


def build_parca(folder):
    """By its own go.mod and go.sum, in the folder where Go keeps it: nothing is written there."""
    go("build", "-ldflags=-s -w", "-o", str(folder / "parca"), "./cmd/parca",
       folder=module_folder("github.com/parca-dev/parca@" + PARCA, folder))
    return folder / "parca"


def build_ebpf_profiler(folder):
    """OpenTelemetry's. It lifts a limit that needs no lifting since Linux 5.11, and ends where it may not. Here it does not try."""
    module = folder / "module"
    shutil.copytree(module_folder("go.opentelemetry.io/ebpf-profiler@" + EBPF_PROFILER, folder), module)
    for path in (module / "rlimit", module / "rlimit/rlimit.go"):
        path.chmod(0o755)
    shutil.copy(PROJECT / "tests/bench/targets/rlimit.go", module / "rlimit/rlimit.go")
    go("build", "-ldflags=-s -w", "-o", str(folder / "ebpf-profiler"), ".", folder=module)
    return folder / "ebpf-profiler"


def version_of(*sources):
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]


# By name: what tells one build from another, and what builds it, given an empty folder.
PROGRAMS = {
    "kubeconform": (KUBECONFORM, install("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform@" + KUBECONFORM)),
    "kustomize": (KUSTOMIZE, install("kustomize", "sigs.k8s.io/kustomize/kustomize/v5@" + KUSTOMIZE)),
    "actionlint": (ACTIONLINT, install("actionlint", "github.com/rhysd/actionlint/cmd/actionlint@" + ACTIONLINT)),
    "helm": (HELM, install("helm", "helm.sh/helm/v3/cmd/helm@" + HELM)),
    "crictl": (CRICTL, install("crictl", "sigs.k8s.io/cri-tools/cmd/crictl@" + CRICTL)),
    "otelcol": (version_of(COLLECTORS / "otelcol.yaml"), build_otelcol),
    "pyroscope": (version_of(*(COLLECTORS / "pyroscope" / name for name in ("main.go", "go.mod"))), build_pyroscope),
    "parca": (PARCA, build_parca),
    "ebpf-profiler": (EBPF_PROFILER, build_ebpf_profiler),
    "pyroscope-server": (version_of(COLLECTORS / "pyroscope-server/go.mod"), build_pyroscope_server),
}

# 1100 packages each but for the first one: 6 minutes of CPU time, and 1.5 GB of memory to link.
LARGE = {"ebpf-profiler", "parca", "pyroscope-server"}


def path_of(name):
    return CACHE / "go" / ("%s-%s" % (name, PROGRAMS[name][0]))


def program(name):
    path = path_of(name)
    if path.exists():
        return path
    if os.environ.get("PODFLAME_TOOLS") != "build" or name in LARGE:
        raise NotBuilt("%s is not built: tests/testbed/tools.py %s" % (name, name))
    return build(name)


def build(name):
    path = path_of(name)

    def make():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            PROGRAMS[name][1](pathlib.Path(folder)).rename(path)

    return locked(path, make)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        for wanted in sys.argv[1:] or sorted(set(PROGRAMS) - LARGE):
            print(build(wanted), flush=True)
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
