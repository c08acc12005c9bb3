# SPDX-License-Identifier: Apache-2.0
"""Profiles for a collector as agents send them, with times, lines and labels that a test chooses."""

import copy
import functools
import json
import tempfile
import urllib.request

from program import MARGIN_SECONDS, podflame

SLICE_SECONDS = 10
PERIOD_NS = 10 ** 7
# Of stacks at line N a function begins so many lines before.
ABOVE = 2


@functools.lru_cache(maxsize=None)
def request_of(folded):
    """An ExportProfilesServiceRequest of folded stacks."""
    with tempfile.NamedTemporaryFile("w", suffix=".folded") as file:
        file.write(folded)
        file.flush()
        done = podflame("convert", file.name, "-f", "otlp")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def add_attribute(tables, key, value):
    tables["stringTable"].append(key)
    tables["attributeTable"].append({"keyStrindex": len(tables["stringTable"]) - 1, "value": value})
    return len(tables["attributeTable"]) - 1


def slice_of(folded, at, mode="cpu", **attributes):
    """One request: @folded from @at on, for SLICE_SECONDS. A dot in an attribute's name is written __."""
    request = copy.deepcopy(request_of(folded))
    tables, [resource] = request["dictionary"], request["resourceProfiles"]
    resource["resource"]["attributes"] = [attribute(key.replace("__", "."), value) for key, value in attributes.items()]
    profile = resource["scopeProfiles"][0]["profiles"][0]
    profile.update(timeUnixNano=str(int(at * 1e9)), durationNano=str(SLICE_SECONDS * 10 ** 9), period=str(PERIOD_NS))
    ns = str(PERIOD_NS * sum(int(sample["values"][0]) for sample in profile["samples"]))
    profile["attributeIndices"] = [add_attribute(tables, key, value) for key, value in (
        ("podflame.mode", {"stringValue": mode}), ("podflame.accounted_ns", {"intValue": ns}),
        ("podflame.sampled_ns", {"intValue": ns}))]
    for location in tables["locationTable"]:
        for line in location.get("lines", []):
            if int(line.get("line", 0)) > ABOVE:
                tables["functionTable"][line["functionIndex"]]["startLine"] = str(int(line["line"]) - ABOVE)
    return request


def together(slices):
    """One request of several that have the same stacks."""
    return {**slices[0], "resourceProfiles": [resource for one in slices for resource in one["resourceProfiles"]]}


def post(served, request):
    sent = urllib.request.Request(served.url + "/v1development/profiles", data=json.dumps(request).encode(),
                                  headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(sent, timeout=MARGIN_SECONDS) as answer:
        assert json.load(answer) == {}


def pod(name, deployment, container, **attributes):
    """The attributes of a container of a Deployment's pod."""
    return {"k8s__namespace__name": "prod", "k8s__pod__name": name, "k8s__deployment__name": deployment,
            "k8s__container__name": container, "container__name": container, **attributes}
