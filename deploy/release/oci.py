# SPDX-License-Identifier: Apache-2.0
"""An image as a file: an OCI image layout, which `docker load` and `podman load` take as well (manifest.json)."""

import hashlib
import io
import json
import re
import subprocess
import tarfile
import time

SECOND = 1_000_000_000
INDEX, MANIFEST, CONFIG, LAYER = ("application/vnd.oci.image.%s" % name for name in
                                  ("index.v1+json", "manifest.v1+json", "config.v1+json", "layer.v1.tar+gzip"))


def of_dockerfile(text, architecture, version, epoch):
    """The configuration that the Dockerfile's last stage gives its image."""
    last = re.sub(r"\\\n", " ", text.rpartition("\nFROM ")[2])

    def words(instruction):
        return json.loads(re.search(r"^%s (\[.*\])" % instruction, last, re.M)[1])

    times = {name: int(value) * SECOND for name, value in re.findall(r"--(interval|timeout|start-period)=(\d+)s", last)}
    check = json.loads(re.search(r"^HEALTHCHECK .*CMD (\[.*\])", last, re.M)[1])
    labels = dict(re.findall(r'(org\.opencontainers\.[\w.]+)="([^"]*)"', last))
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    return {
        "architecture": architecture, "os": "linux", "created": created,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Entrypoint": words("ENTRYPOINT"), "Cmd": words("CMD"), "StopSignal": re.search(r"^STOPSIGNAL (\S+)", last, re.M)[1],
            "Healthcheck": {"Test": ["CMD", *check], "Interval": times["interval"], "Timeout": times["timeout"],
                            "StartPeriod": times["start-period"]},
            "Labels": {**labels, "org.opencontainers.image.version": version},
        },
        "history": [{"created": created, "created_by": "deploy/release"}],
    }


def layer_of(root, path, epoch):
    """Writes @root as a compressed layer. Returns the sha256 of what it is without compression."""
    tar = subprocess.Popen(["tar", "-C", str(root), "--sort=name", "--numeric-owner", "--format=gnu", "--mtime=@%d" % epoch,
                            "--clamp-mtime", "--exclude=./dev/*", "--exclude=./proc/*", "-cf", "-", "."], stdout=subprocess.PIPE)
    plain = hashlib.sha256()
    with open(path, "wb") as out:
        gzip = subprocess.Popen(["gzip", "-9n"], stdin=subprocess.PIPE, stdout=out)
        while piece := tar.stdout.read(1 << 20):
            plain.update(piece)
            gzip.stdin.write(piece)
        gzip.stdin.close()
    if tar.wait() != 0 or gzip.wait() != 0:
        raise SystemExit("%s: the layer could not be written" % path)
    return plain.hexdigest()


def encode(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def write(path, layer, diff_id, config, name):
    """Writes the archive. Returns the digest of the image's manifest, by which a registry knows it."""
    blobs = {}

    def add(media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        blobs["blobs/sha256/" + digest] = data
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    config = {**config, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff_id]}}
    layer_is, config_is = add(LAYER, layer.read_bytes()), add(CONFIG, encode(config))
    manifest_is = add(MANIFEST, encode({"schemaVersion": 2, "mediaType": MANIFEST, "config": config_is, "layers": [layer_is]}))
    listed = {**manifest_is, "platform": {"architecture": config["architecture"], "os": "linux"},
              "annotations": {"org.opencontainers.image.ref.name": name.partition(":")[2], "io.containerd.image.name": name}}
    files = {**blobs, "oci-layout": encode({"imageLayoutVersion": "1.0.0"}),
             "index.json": encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]}),
             "manifest.json": encode([{"Config": path_of(config_is), "RepoTags": [name], "Layers": [path_of(layer_is)]}])}
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(files):
            entry = tarfile.TarInfo(file)
            entry.size, entry.mode = len(files[file]), 0o644
            archive.addfile(entry, io.BytesIO(files[file]))
    return manifest_is["digest"]


def path_of(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")
