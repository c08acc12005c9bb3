# SPDX-License-Identifier: Apache-2.0
"""What is in a release, as SPDX 2.3: its files, the image's Debian packages, and what was only used to build."""

import hashlib
import json
import re
import time
import urllib.parse

import debian

NOASSERTION = "NOASSERTION"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def identifier(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(words))


def package(name, version, licence=NOASSERTION, purl="", digest="", **more):
    entry = {"name": name, "versionInfo": version, "downloadLocation": NOASSERTION, "filesAnalyzed": False,
             "licenseConcluded": NOASSERTION, "licenseDeclared": licence, "copyrightText": NOASSERTION, **more}
    if purl:
        entry["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]
    if digest:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": digest}]
    return entry


def of_debian(fields, digest=""):
    """A package of Debian by its control fields."""
    name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
    source = (fields.get("Source") or name).split()
    source_version = source[1].strip("()") if len(source) > 1 else version
    purl = "pkg:deb/debian/%s@%s?arch=%s&distro=debian-12" % (name, urllib.parse.quote(version, safe="~"), architecture)
    return package(name, version, purl=purl, digest=digest, SPDXID=identifier("deb", name, version),
                   supplier="Organization: Debian", sourceInfo="built from the source package %s %s" % (source[0], source_version))


def of_npm(name, version, licence, kind):
    return package(name, version, licence or NOASSERTION, "pkg:npm/%s@%s" % (name.replace("@", "%40"), version),
                   SPDXID=identifier(kind, name, version))


def bundled(pages):
    """The npm packages that pages say they contain: bundle.cjs writes that at their top."""
    found = set()
    for page in pages:
        said = re.match(r"(?i)<!doctype html>\n<!--\nThis file contains:\n(.*?)-->", page.read_text(), re.S)
        found |= set(re.findall(r"^(\S+) (\d[\w.-]*), (\S+)$", said[1], re.M)) if said else set()
    return sorted(found)


def builders(lock):
    """The npm packages that make the pages, by the lock file: not those of other machines."""
    packages = json.loads(lock.read_text())["packages"]
    return sorted((path.rpartition("node_modules/")[2], entry["version"], entry.get("license", ""))
                  for path, entry in packages.items() if path and not entry.get("optional"))


def installed(root, names):
    """Fields of packages that are installed in @root."""
    format_ = "Package: ${Package}\\nVersion: ${Version}\\nArchitecture: ${Architecture}\\nSource: ${source:Package} (${source:Version})\\n\\n"
    text = debian.said(["dpkg-query", "--admindir=%s/var/lib/dpkg" % root, "--show", "--showformat=" + format_, *names])
    return [dict(line.split(": ", 1) for line in entry.splitlines()) for entry in text.split("\n\n") if entry.strip()]


def document(version, architecture, epoch, artefacts, in_image, build_root, tree):
    """The document of one architecture. @artefacts: by kind (source, package, image) the path and the purl, or none."""
    listed, related = [], []

    def relate(one, kind, other):
        related.append({"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other})

    for kind, (path, purl) in artefacts.items():
        listed.append(package("podflame", version, "Apache-2.0", purl, sha256(path), SPDXID=identifier("podflame", kind),
                              packageFileName=path.name, supplier="Organization: podflame"))
        relate("SPDXRef-DOCUMENT", "DESCRIBES", identifier("podflame", kind))
    program, image = identifier("podflame-package"), identifier("podflame-image")
    relate(program, "GENERATED_FROM", identifier("podflame-source"))
    relate(image, "CONTAINS", program)
    depends = set(debian.needed(artefacts["package"][0]))
    for path in in_image:
        fields = debian.control_of(path)
        listed.append(of_debian(fields, sha256(path)))
        relate(image, "CONTAINS", listed[-1]["SPDXID"])
        if fields["Package"] in depends:
            relate(program, "DEPENDS_ON", listed[-1]["SPDXID"])
    linked = installed(build_root, ["libiberty-dev:" + architecture, "uthash-dev"])
    compiler = installed(build_root, ["gcc-12" if architecture == debian.NATIVE else "gcc-12-aarch64-linux-gnu"])
    for fields, kind in [(f, "STATIC_LINK") for f in linked] + [(f, "BUILD_TOOL_OF") for f in compiler]:
        listed.append(of_debian(fields))
        one, other = (program, listed[-1]["SPDXID"]) if kind == "STATIC_LINK" else (listed[-1]["SPDXID"], program)
        relate(one, kind, other)
    pages = sorted((tree / "agent/format/flame/bundled").glob("*.html"))
    for name, number, licence in bundled(pages):
        listed.append(of_npm(name, number, licence, "bundled"))
        relate(identifier("podflame-source"), "CONTAINS", listed[-1]["SPDXID"])
    for name, number, licence in builders(tree / "agent/format/flame/package-lock.json"):
        listed.append(of_npm(name, number, licence, "npm"))
        relate(listed[-1]["SPDXID"], "BUILD_TOOL_OF", identifier("podflame-source"))
    # Its name is unique as SPDX asks for, and the same for the same content.
    unique = hashlib.sha256(json.dumps([listed, related], sort_keys=True).encode()).hexdigest()[:16]
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": "podflame-%s-%s" % (version, architecture),
        "documentNamespace": "https://spdx.org/spdxdocs/podflame-%s-%s-%s" % (version, architecture, unique),
        "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)), "creators": ["Tool: podflame-release"]},
        "packages": listed, "relationships": related,
    }
