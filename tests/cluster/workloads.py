# SPDX-License-Identifier: Apache-2.0
"""Objects for the cluster: Python in pods of every owner."""

import contextlib

from testbed.kubernetes import oci


def container(name="app", script="split.py", **more):
    return {"name": name, "image": oci.PYTHON, "imagePullPolicy": "Never", "command": ["python3", *script.split()], **more}


def pod_spec(*containers, **more):
    return {"containers": list(containers) or [container()], "terminationGracePeriodSeconds": 0, **more}


def template(name, spec):
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def owned(kind, name, namespace, spec=None, **more):
    """A Deployment, StatefulSet or DaemonSet of one pod."""
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": template(name, spec or pod_spec()), **more}}


def job(name, namespace, spec=None, **more):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace},
            "spec": {"template": template(name, {**(spec or pod_spec()), "restartPolicy": "Never"}), "backoffLimit": 0, **more}}


def pod(name, namespace, spec=None, **metadata):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": spec or pod_spec()}


@contextlib.contextmanager
def namespaces(cluster, *names, labels=()):
    """Namespaces, which go with all that is in them."""
    cluster.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}} for name in names))
    try:
        yield
    finally:
        cluster.kubectl("delete", "namespace", *names, "--wait=true", "--timeout=180s")
