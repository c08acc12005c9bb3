# SPDX-License-Identifier: Apache-2.0
"""What is deployed: the manifests, the chart, and the tools that understand them.

The tools are Go programs, which `make deploy-tools` builds into .cache/; the schemas
of Kubernetes come from a package of PyPI, with all versions in it.
"""

import json
import re
import subprocess
import sys
import zipfile

import yaml

from skips import must_skip
from testbed import CACHE, PROJECT, images, tools

KUBERNETES = PROJECT / "deploy/kubernetes"
CHART = PROJECT / "deploy/helm/podflame"
RENDERED = ["base", "overlays/privileged", "overlays/openshift", "overlays/kubelet"]
NAMESPACE = "podflame"

SCHEMAS = "kubernetes_validate-1.37.0-py3-none-any.whl"
VERSIONS = ["1.30.0", "1.37.0"]  # the first with a field for AppArmor, and the newest of that package


def load(path):
    """The objects of a file of manifests."""
    return list(yaml.safe_load_all(path.read_text()))


def pick(objects, kind, name=None):
    """The one object of @kind."""
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, (kind, name, found)
    return found[0]


def container(workload):
    """The first container of what makes pods."""
    return workload["spec"]["template"]["spec"]["containers"][0]


def daemonset():
    return pick(load(KUBERNETES / "base/agent.yaml"), "DaemonSet")


# ---- tools ---------------------------------------------------------------------


def tool(name):
    try:
        return tools.program(name)
    except tools.NotBuilt as e:
        must_skip(str(e), debian=False)


def run(name, *arguments, fails=False, **options):
    """What a tool printed; if it must fail, what it said to that."""
    command = [str(word) for word in (tool(name), *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert (done.returncode != 0) == fails, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr if fails else done.stdout


def kustomize(folder):
    return run("kustomize", "build", KUBERNETES / folder)


def helm(*arguments, fails=False):
    return run("helm", "template", "podflame", CHART, "--namespace", NAMESPACE, "--kube-version", VERSIONS[-1],
               *arguments, fails=fails)


# ---- Kubernetes' own schemas ------------------------------------------------------


def package():
    """The file with all schemas, from PyPI."""
    path = CACHE / "schemas" / SCHEMAS

    def fetch():
        wanted = "kubernetes-validate==" + SCHEMAS.split("-")[1]
        done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                               "--dest", str(path.parent), wanted], capture_output=True, text=True)
        if done.returncode != 0:
            must_skip("the schemas of Kubernetes cannot be had: " + done.stderr.strip()[-300:], debian=False)

    return images.locked(path, fetch)


def local(text):
    """References to the package's common file become ones inside the same schema."""
    return json.loads(re.sub(r'"[^"#]*_definitions\.json#', '"#', text))


def needed(schema, definitions):
    """Those of @definitions that @schema refers to, and those that they refer to."""
    names, waiting = set(), [schema]
    while waiting:
        new = set(re.findall(r'"#/\$defs/([^"]*)"', json.dumps(waiting.pop()))) - names
        names |= new
        waiting += [definitions[name] for name in new]
    return {name: definitions[name] for name in names}


def unpack(version, path):
    inside = "kubernetes_validate/kubernetes-json-schema/v%s-local-strict/" % version
    with zipfile.ZipFile(package()) as archive:
        definitions = local(archive.read(inside + "_definitions.json").decode())["$defs"]
        schema = local(archive.read(inside + path.name).decode())
    schema["$defs"] = needed(schema, definitions)
    path.write_text(json.dumps(schema))


def schema_name(item):
    group = item["apiVersion"].rpartition("/")[0].partition(".")[0]
    return "-".join(filter(None, [item["kind"].lower(), group, item["apiVersion"].rpartition("/")[2]])) + ".json"


def schemas(version, objects):
    """A folder with the strict schemas of @version for the kinds of @objects."""
    folder = CACHE / "schemas" / version
    for name in sorted({schema_name(item) for item in objects}):
        images.locked(folder / name, lambda: unpack(version, folder / name))
    return folder
