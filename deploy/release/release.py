#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes of a source tarball all else that is released: Debian packages, images, lists of what is in them, checksums.

    release.py TARBALL FOLDER [CACHE]

All is made from the tarball, without network but for Debian's packages, and is the same bit by bit wherever and whenever
it is made, as long as Debian's packages are the same: FOLDER/podflame-VERSION.build-packages names them. Times are that of
the tarball's commit. Needs root and mmdebstrap. CACHE keeps the Debian in which it is built for a day.
"""

import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile

import debian
import oci
import sbom


def what_it_is(tarball):
    """The name of its folder, the version, and the time of its commit."""
    with tarfile.open(tarball) as tar:
        first = tar.next()
    name = first.name.partition("/")[0]
    return name, name.partition("-")[2], int(first.mtime)


def make_for(architecture, source, out, build_root, tree):
    """The packages, the image and the list of one architecture. Returns the image's digest."""
    name, version, epoch = what_it_is(source)
    print("release: %s" % architecture, flush=True)
    folder = debian.build_packages(build_root, source, name, architecture, epoch)
    try:
        for path in folder.glob("*.deb"):
            shutil.copyfile(path, out / path.name)
    finally:
        shutil.rmtree(folder)
    package = out / ("podflame_%s_%s.deb" % (version, architecture))
    with tempfile.TemporaryDirectory(prefix="podflame-image-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        root, packages = debian.image_root(folder, architecture, package, epoch)
        healthcheck = root / "usr/lib/podflame/healthcheck"
        healthcheck.parent.mkdir()
        shutil.copyfile(tree / "docker/healthcheck", healthcheck)
        healthcheck.chmod(0o755)
        layer = folder / "layer"
        config = oci.of_dockerfile((tree / "docker/Dockerfile").read_text(), architecture, version, epoch)
        image = out / ("podflame-%s-image-%s.tar" % (version, architecture))
        digest = oci.write(image, layer, oci.layer_of(root, layer, epoch), config, "podflame:" + version)
        purl = "pkg:oci/podflame@%s?arch=%s" % (digest.replace(":", "%3A"), architecture)
        artefacts = {"source": (source, ""), "package": (package, "pkg:deb/podflame@%s?arch=%s" % (version, architecture)),
                     "image": (image, purl)}
        listed = sbom.document(version, architecture, epoch, artefacts, packages[:-1], build_root, tree)
    with open(out / ("podflame-%s-%s.spdx.json" % (version, architecture)), "w") as file:
        json.dump(listed, file, indent=1, sort_keys=True)
        file.write("\n")
    return digest


def main(tarball, out, cache):
    os.umask(0o022)
    name, version, epoch = what_it_is(tarball)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    source = out / tarball.name
    shutil.copyfile(tarball, source)
    with tempfile.TemporaryDirectory(prefix="podflame-source-") as folder:
        debian.run(["tar", "-C", folder, "--no-same-owner", "-xf", source])
        tree = pathlib.Path(folder, name)
        with debian.build_root(cache, (tree / "deploy/debian/control").read_text()) as root:
            digests = {arch: make_for(arch, source, out, root, tree) for arch in debian.ARCHITECTURES}
            packages = debian.said(["dpkg-query", "--admindir=%s/var/lib/dpkg" % root, "--show",
                                    "--showformat=${binary:Package} ${Version} ${Architecture}\\n"])
    (out / ("podflame-%s.build-packages" % version)).write_text("".join(sorted(packages.splitlines(True))))
    (out / ("podflame-%s.digests" % version)).write_text("".join("%s %s\n" % (digest, arch) for arch, digest in digests.items()))
    files = sorted(path for path in out.iterdir())
    (out / "SHA256SUMS").write_text("".join("%s  %s\n" % (sbom.sha256(path), path.name) for path in files))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*(pathlib.Path(word).resolve() for word in (*sys.argv[1:], ".cache/release")[:3]))
