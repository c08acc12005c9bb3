# SPDX-License-Identifier: Apache-2.0
"""Manifests, chart and dashboards: valid for Kubernetes, equal to each other, and true to the program."""

import json
import re
import subprocess

import jsonschema
import pytest
import yaml

import manifests
from manifests import CHART, KUBERNETES, RENDERED, VERSIONS, container, helm, kustomize, load, pick
from program import podflame
from testbed import PROJECT

COMPOSE = [PROJECT / "docker/compose.yaml", PROJECT / "docker/compose.pyroscope.yaml"]
GRAFANA = PROJECT / "deploy/grafana"
NOT_OURS = ["SecurityContextConstraints"]  # OpenShift's, which Kubernetes has no schema for
HELMS_LABELS = ["app.kubernetes.io/managed-by", "helm.sh/chart"]

# All that is in the chart, switched on.
EVERYTHING = {
    "agent": {"collectors": ["https://profiles.example:4040"], "protocol": "pyroscope", "rate": 199, "mode": "cpu,wall",
              "wallRate": 19, "window": "30s", "select": ["namespace=shop"], "drop": ["container=istio*"],
              "labels": {"k8s.cluster.name": "blue"}, "headers": {"X-Scope-OrgID": "team-a"},
              "tokenSecret": {"name": "podflame-token"}, "podAnnotations": {"a/b": "c"},
              "kubelet": {"enabled": True}, "sendLabels": ["app", "app.kubernetes.io/*"]},
    "image": {"tag": "9.9", "pullSecrets": [{"name": "registry"}]},
    "collector": {"persistence": {"enabled": True, "storageClass": "fast"}},
}


def values_file(folder, values):
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


# ---- true to the program ----------------------------------------------------------


def options_of(command):
    return set(re.findall(r"--([a-z][a-z-]+)", podflame(command, "-h").stdout))


def assert_takes(arguments, environment=()):
    """That podflame knows each option of a container's arguments, and each variable of its environment."""
    command = arguments[0]
    known = options_of(command)
    assert known, command
    for argument in arguments[1:]:
        assert re.match(r"--([a-z-]+)(=.|$)", argument), argument
        assert re.match(r"--([a-z-]+)", argument)[1] in known, argument
    for name in environment:
        if "$(%s)" % name in "".join(arguments):
            continue
        option = name[len("PODFLAME_"):].lower().replace("_", "-")
        assert option in known | {"node-name"}, name


def containers_of(objects):
    for workload in objects:
        if workload["kind"] in ("DaemonSet", "Deployment"):
            pod = workload["spec"]["template"]["spec"]
            yield from [c for c in pod["containers"] + pod.get("initContainers", []) if "podflame" in c["image"]]


@pytest.mark.parametrize("path", sorted(KUBERNETES.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_manifests_use_options_that_exist(path):
    for one in containers_of([o for o in load(path) if o and "kind" in o]):
        assert_takes(one["args"], [entry["name"] for entry in one.get("env", [])])


def test_chart_uses_options_that_exist(tmp_path):
    for one in containers_of(yaml.safe_load_all(helm("--values", values_file(tmp_path, EVERYTHING)))):
        assert_takes(one["args"], [entry["name"] for entry in one.get("env", [])])


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.stem)
def test_compose_uses_options_that_exist(path):
    services = yaml.safe_load(path.read_text())["services"]
    ours = [s for s in services.values() if "podflame" in s.get("image", "podflame") and "environment" in s]
    assert ours
    for service in ours:
        assert_takes(service.get("command", ["agent"]), service["environment"])


def test_versions_agree():
    version = re.search(r"^VERSION := (\S+)", (PROJECT / "Makefile").read_text(), re.M)[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    base = yaml.safe_load((KUBERNETES / "base/kustomization.yaml").read_text())
    assert {chart["version"], chart["appVersion"], base["images"][0]["newTag"]} == {version}
    for path in [KUBERNETES / "examples/sidecar.yaml", COMPOSE[0], PROJECT / "docker/Dockerfile", PROJECT / "deploy/README.md"]:
        assert set(re.findall(r"podflame:(\d+\.[\w.]+)", path.read_text())) == {version}, path


# ---- least privileges ---------------------------------------------------------------


def test_agent_has_the_least_privileges():
    agent = manifests.daemonset()
    pod, security = agent["spec"]["template"]["spec"], container(agent)["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["capabilities"]["add"] == ["SYS_PTRACE", "DAC_READ_SEARCH", "PERFMON", "SYS_NICE"]
    assert (security["privileged"], security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (
        False, False, True)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["hostPID"] and not pod.get("hostNetwork") and not pod.get("hostIPC")
    assert not pod["automountServiceAccountToken"] and not pod["enableServiceLinks"]
    assert all(set(volume) <= {"name", "emptyDir", "secret"} for volume in pod["volumes"])


def test_collector_has_no_privilege():
    collector = pick(load(KUBERNETES / "base/collector.yaml"), "Deployment")
    pod, security = collector["spec"]["template"]["spec"], container(collector)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert security["capabilities"] == {"drop": ["ALL"]} and not pod.get("hostPID")
    assert not security["allowPrivilegeEscalation"] and security["readOnlyRootFilesystem"]


def test_constraints_of_openshift_allow_what_the_agent_asks_for():
    constraints = pick(load(KUBERNETES / "overlays/openshift/scc.yaml"), "SecurityContextConstraints")
    security = container(manifests.daemonset())["securityContext"]
    assert constraints["allowedCapabilities"] == security["capabilities"]["add"]
    assert constraints["requiredDropCapabilities"] == security["capabilities"]["drop"]
    assert constraints["seLinuxContext"]["seLinuxOptions"] == security["seLinuxOptions"]
    assert constraints["runAsUser"]["uid"] == security["runAsUser"]
    assert constraints["allowHostPID"] and not constraints["allowPrivilegedContainer"]


# ---- valid, and equal ------------------------------------------------------------------


def kubeconform(version, text, fails=False):
    folder = manifests.schemas(version, [o for o in yaml.safe_load_all(text) if o["kind"] not in NOT_OURS])
    return manifests.run("kubeconform", "-strict", "-summary", "-skip", ",".join(NOT_OURS), "-schema-location",
                         "%s/{{ .ResourceKind }}{{ .KindSuffix }}.json" % folder, "-", input=text, fails=fails)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", RENDERED)
def test_kubernetes_takes_the_manifests(version, folder):
    assert "Invalid: 0, Errors: 0" in kubeconform(version, kustomize(folder))


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_sidecar(version):
    assert "Valid: 1, Invalid: 0, Errors: 0" in kubeconform(version, (KUBERNETES / "examples/sidecar.yaml").read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_whole_chart(version, tmp_path):
    assert "Invalid: 0, Errors: 0" in kubeconform(version, helm("--values", values_file(tmp_path, EVERYTHING)))


def test_strict_schemas_refuse_a_wrong_key():
    assert "Invalid: 1" in kubeconform(VERSIONS[-1], kustomize("base").replace("hostPID", "hostPids"), fails=True)


def comparable(text):
    """Objects by kind and name, without what only Helm has; the namespace itself is Helm's user's."""
    objects = {}
    for item in yaml.safe_load_all(text):
        for label in HELMS_LABELS:
            item["metadata"]["labels"].pop(label, None)
        if item["kind"] != "Namespace":
            objects[item["kind"], item["metadata"]["name"]] = item
    return objects


@pytest.mark.parametrize("folder, settings", [
    ("base", []),
    ("overlays/privileged", ["--set", "agent.privileged=true"]),
    ("overlays/openshift", ["--set", "openshift.enabled=true"]),
    ("overlays/kubelet", ["--set", "agent.kubelet.enabled=true"]),
])
def test_chart_equals_the_manifests(folder, settings):
    by_kustomize, by_helm = comparable(kustomize(folder)), comparable(helm(*settings))
    assert by_kustomize.keys() == by_helm.keys()
    for key, item in by_kustomize.items():
        assert by_helm[key] == item, key


def test_helm_lint():
    assert "0 chart(s) failed" in manifests.run("helm", "lint", "--strict", CHART)


def test_another_collector_may_be_reached(tmp_path):
    objects = yaml.safe_load_all(helm("--values", values_file(tmp_path, EVERYTHING)))
    policy = pick(objects, "NetworkPolicy", "podflame-agent")
    assert {"ports": [{"port": 4040, "protocol": "TCP"}]} in policy["spec"]["egress"]


@pytest.mark.parametrize("by", ["kustomize", "helm"])
def test_only_the_scraper_reaches_the_agent(by):
    """Not the pods of all namespaces: whoever is let in can take the agent's places and descriptors."""
    base = manifests.PROJECT / "deploy/kubernetes/base/networkpolicy.yaml"
    text = base.read_text() if by == "kustomize" else helm()
    policy = pick(yaml.safe_load_all(text), "NetworkPolicy", "podflame-agent")
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [[{"port": "metrics"}]]
    for peer in policy["spec"]["ingress"][0]["from"]:
        assert peer["podSelector"]["matchLabels"] and peer["namespaceSelector"]["matchLabels"]


# ---- values that make no sense ------------------------------------------------------------

WRONG = {
    "unknown key": ({"agent": {"colectors": ["http://a:1"]}}, "colectors"),
    "unknown key at the top": ({"agents": {}}, "agents"),
    "wrong type": ({"agent": {"rate": "fast"}}, "rate"),
    "rate out of bounds": ({"agent": {"rate": 0}}, "rate"),
    "a rate of a mode that is not asked for": ({"agent": {"wallRate": 11}}, "mode"),
    "no such protocol": ({"agent": {"protocol": "grpc"}}, "protocol"),
    "no collector at all": ({"collector": {"enabled": False}}, "collectors"),
    "a collector that is none": ({"agent": {"collectors": ["profiles.example:4040"]}}, "collectors"),
    "pyroscope's protocol to the built-in collector": ({"agent": {"protocol": "pyroscope"}}, "collectors"),
    "parca's protocol to the built-in collector": ({"agent": {"protocol": "parca"}}, "collectors"),
    "a rule with an unknown key": ({"agent": {"select": ["pods=web"]}}, "select"),
    "the same rule twice": ({"agent": {"drop": ["pod=a", "pod=a"]}}, "drop"),
    "a token in the open": ({"agent": {"headers": {"Authorization": "Bearer x"}}}, "headers"),
    "two priority classes": ({"agent": {"priorityClass": {"create": True, "name": "mine"}}}, "priorityClass"),
    "metrics for everybody": ({"networkPolicy": {"scrapers": [{}]}}, "scrapers"),
    "memory without a number": ({"agent": {"maxMemory": "lots"}}, "maxMemory"),
}


def merged(defaults, values):
    both = isinstance(defaults, dict) and isinstance(values, dict)
    return {**defaults, **{k: merged(defaults.get(k), v) for k, v in values.items()}} if both else values


def schema_errors(values):
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    validator = jsonschema.Draft7Validator(schema)
    return ["%s: %s" % (".".join(map(str, e.absolute_path)), e.message)
            for e in validator.iter_errors(merged(defaults, values))]


def test_schema_takes_what_makes_sense():
    jsonschema.Draft7Validator.check_schema(json.loads((CHART / "values.schema.json").read_text()))
    assert schema_errors({}) == []
    assert schema_errors(EVERYTHING) == []


@pytest.mark.parametrize("case", WRONG)
def test_schema_refuses(case):
    values, named = WRONG[case]
    assert any(named in error for error in schema_errors(values)), schema_errors(values)


@pytest.mark.parametrize("case", WRONG)
def test_helm_refuses_with_the_reason(case, tmp_path):
    values, named = WRONG[case]
    assert named in helm("--values", values_file(tmp_path, values), fails=True)


def test_helm_refuses_labels_that_nobody_tells():
    assert "sendLabels needs agent.kubelet.enabled" in helm("--set", "agent.sendLabels={app}", fails=True)
    assert "--send-label=app" in helm("--set", "agent.sendLabels={app}", "--set", "agent.kubelet.enabled=true")


def test_helm_refuses_rules_that_contradict_each_other():
    rules = ["--set", "agent.select={pod=web}", "--set", "agent.drop={pod=web}"]
    assert "the rule 'pod=web': only one of them" in helm(*rules, fails=True)


# ---- dashboards and compose files ---------------------------------------------------------------


def metrics_of_the_agent():
    """The families that agent/health/ declares; test_health asks a running agent for them."""
    text = (PROJECT / "agent/health/metrics.c").read_text()
    return set(re.findall(r'\{ "((?:podflame|process)_\w+)", "(?:gauge|counter)"', text))


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target.get("expr", "")
    for variable in dashboard["templating"]["list"]:
        if isinstance(variable["query"], str):
            yield variable["query"]


@pytest.mark.parametrize("path", sorted(GRAFANA.glob("dashboards/*.json")), ids=lambda path: path.stem)
def test_dashboard_is_whole(path):
    dashboard = json.loads(path.read_text())
    used = set(re.findall(r"\b(?:podflame|process)_\w+", " ".join(expressions(dashboard))))
    assert used <= metrics_of_the_agent()
    assert used or path.stem != "agent"
    cells = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y) for panel in dashboard["panels"]
             for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    assert all(panel["title"] and panel["description"] for panel in dashboard["panels"])


def test_data_sources_are_those_of_the_compose_file():
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/podflame.yaml").read_text())["datasources"]
    services = yaml.safe_load(COMPOSE[1].read_text())["services"]
    assert {source["url"].split("/")[2].split(":")[0] for source in sources} == {"pyroscope", "prometheus"}
    assert {"pyroscope", "prometheus", "grafana"} <= services.keys()


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.stem)
def test_compose_files_are_valid(path):
    done = subprocess.run(["docker-compose", "--file", str(path), "config"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    agent = yaml.safe_load(done.stdout)["services"]["agent"]
    assert agent["cap_drop"] == ["ALL"] and agent["pid"] == "host" and agent["read_only"]
    assert set(agent["cap_add"]) < set(container(manifests.daemonset())["securityContext"]["capabilities"]["add"])
