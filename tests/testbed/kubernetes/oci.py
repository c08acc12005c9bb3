# SPDX-License-Identifier: Apache-2.0
"""The images of the cluster, as `docker save` would write them, which containerd imports."""

import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

from testbed import PROJECT, images, kubelet

from . import programs

PAUSE = "podflame.test/pause:1"
PYTHON = "registry.test/team/billing:1.2"
COREDNS = "podflame.test/coredns:1"
SEARCH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HERE = pathlib.Path(__file__).parent
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def layer_of_files(files):
    """A layer: {name in the image: path here}."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, path in sorted(files.items()):
            entry = archive.gettarinfo(str(path), name)
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            with open(path, "rb") as content:
                archive.addfile(entry, content)
    return data.getvalue()


def write(path, name, layers, config):
    """An image archive. A layer is bytes, or the path of a tarball."""
    sums = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    image = {"architecture": ARCHITECTURE, "os": "linux", "config": config, "rootfs": {"type": "layers", "diff_ids": sums}}
    names = ["%d.tar" % n for n in range(len(layers))]
    with tarfile.open(path, "w") as archive:
        for file, layer in zip(names, layers):
            kubelet.add(archive, file, layer)
        kubelet.add(archive, "config.json", json.dumps(image).encode())
        kubelet.add(archive, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": names}]).encode())


def pause(path):
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "pause"
        subprocess.run(["gcc", "-static", "-O1", "-s", "-o", str(program), str(HERE / "pause.c")], check=True)
        write(path, PAUSE, [layer_of_files({"pause": program})], {"Entrypoint": ["/pause"]})


def python(path):
    """Debian's Python with the tests' programs in /app."""
    targets = {"app/" + file.name: file for file in (PROJECT / "tests/targets").iterdir() if file.suffix == ".py"}
    write(path, PYTHON, [kubelet.layer("bookworm"), layer_of_files(targets)],
          {"Cmd": ["python3", "split.py"], "WorkingDir": "/app", "Env": [SEARCH, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1"]})


def of_program(path, name, program, below=()):
    """An image of a program, as Go builds them: most need nothing of layers @below."""
    write(path, name, [*below, layer_of_files({"program": program})], {"Entrypoint": ["/program"]})


def debian():
    """A layer with the C library, and what podflame needs besides."""
    return images.tarball("bookworm-podflame").read_bytes()


def tag_of_podflame():
    return re.search(r"newTag: (\S+)", (PROJECT / "deploy/kubernetes/base/kustomization.yaml").read_text())[1]


def podflame(path):
    """What was built of this tree, as docker/Dockerfile lays it out, on Debian with the libraries that it needs. That the
    Dockerfile builds is test_image's subject."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(PROJECT / "build/podflame", folder / "podflame")
        subprocess.run(["strip", str(folder / "podflame")], check=True)
        ours = layer_of_files({"usr/bin/podflame": folder / "podflame",
                               "usr/lib/podflame/healthcheck": PROJECT / "docker/healthcheck"})
    write(path, "podflame:" + tag_of_podflame(), [debian(), ours],
          {"Entrypoint": ["podflame"], "Cmd": ["agent"], "Env": [SEARCH], "StopSignal": "SIGTERM"})


def archives(folder):
    """All of them, as files in @folder."""
    folder.mkdir()
    program = programs.coredns()
    for name, make in (("pause", pause), ("python", python), ("podflame", podflame),
                       ("coredns", lambda path: of_program(path, COREDNS, program))):
        make(folder / name)
        yield folder / name
