"""Every wrong setting is one line with the key, the value, what was expected and how to set it; all in one run."""

import ast
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from meshlab.recording.recorder import ROOT, ProgramError, record, stack_config
from meshlab.stackfile.reading import read_project
from settings.errors import SettingsError
from settings.models import Section, Settings
from settings.operator_crds import released
from settings.reading import parse_settings


def sections(**over: Any) -> dict[str, Any]:
    raw = {key.removeprefix("meshlab:"): value for key, value in stack_config("dev").items()}
    return {**raw, **over}


def problems(raw: Mapping[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(raw, project="meshlab", stack="dev")
    return str(caught.value).splitlines()


def monitoring(**over: Any) -> dict[str, Any]:
    return {"monitoring": {"version": "42.2.1", **over}}


def istiod(**over: Any) -> dict[str, Any]:
    return {"istio": {"revisions": {"1-17": {"version": "1.17.6", **over}}}}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (
        "unknown section",
        {"grafana": {}},
        "meshlab:grafana: expected one of the keys charts, cluster, drift, envoyDemo, istio, kiali, mesh, "
        "meshMonitors, monitoring, policy, sampleApps, got an unknown key "
        "(remove with: pulumi config rm --path 'meshlab:grafana')",
    ),
    (
        "unknown key",
        {"envoyDemo": {"senario": "base"}},
        "meshlab:envoyDemo.senario: expected one of the keys enabled, resources, scenario, got an unknown key "
        "(remove with: pulumi config rm --path 'meshlab:envoyDemo.senario')",
    ),
    (
        "wrong type",
        {"istio": {"revisions": {"1-17": {"version": 1.17}}}},
        "meshlab:istio.revisions.1-17.version: expected a string, got 1.17 "
        "(set with: pulumi config set --path 'meshlab:istio.revisions[\"1-17\"].version' VALUE)",
    ),
    (
        "revision of a name that Istio has for the default one",
        {"istio": {"revisions": {"default": {"version": "1.17.6"}}}, "mesh": {}},
        "meshlab:istio.revisions.default: expected a revision of another name (`default` is a tag's: "
        'istio.tags.default may lead to it), got "default" '
        "(set with: pulumi config set --path 'meshlab:istio.revisions.default' VALUE)",
    ),
    (
        "namespace that no injector touches",
        {"mesh": {"namespaces": {"local-path-storage": "1-17"}}},
        "meshlab:mesh.namespaces.local-path-storage: expected no revision for namespace local-path-storage (Istio "
        'never injects there), got "1-17" '
        "(set with: pulumi config set --path 'meshlab:mesh.namespaces[\"local-path-storage\"]' VALUE)",
    ),
    (
        "section that is no mapping",
        {"kiali": "2.29.0"},
        "meshlab:kiali: expected a mapping, got \"2.29.0\" (set with: pulumi config set --path 'meshlab:kiali' VALUE)",
    ),
    (
        "missing version",
        {"kiali": {}},
        "meshlab:kiali.version: expected a value, got nothing "
        "(set with: pulumi config set --path 'meshlab:kiali.version' VALUE)",
    ),
    (
        "revision that is no DNS label",
        {"istio": {"revisions": {"1.17": {"version": "1.17.6"}}}, "mesh": {}},
        "meshlab:istio.revisions.1.17: expected a DNS label (a-z, 0-9 and '-', at most 63 characters), got \"1.17\" "
        "(set with: pulumi config set --path 'meshlab:istio.revisions[\"1.17\"]' VALUE)",
    ),
    (
        "revision too long for its release",
        {"istio": {"revisions": {"r" * 47: {"version": "1.17.6"}}}, "mesh": {}},
        f"meshlab:istio.revisions.{'r' * 47}: expected a revision of at most 46 characters (helm's release names, "
        f'here istiod-<revision>, end at 53), got "{"r" * 47}" '
        f"(set with: pulumi config set --path 'meshlab:istio.revisions.{'r' * 47}' VALUE)",
    ),
    (
        "range for a version",
        {"kiali": {"version": "1.59"}},
        'meshlab:kiali.version: expected an exact version such as 1.17.6, got "1.59" '
        "(set with: pulumi config set --path 'meshlab:kiali.version' VALUE)",
    ),
    (
        "release that contains the chart's name",
        monitoring(release="kube-prometheus-stack"),
        "meshlab:monitoring.release: expected a release name without kube-prometheus-stack in it (the chart would not "
        'add it then), got "kube-prometheus-stack" '
        "(set with: pulumi config set --path 'meshlab:monitoring.release' VALUE)",
    ),
    (
        "release over the chart's cut",
        monitoring(release="promo"),
        "meshlab:monitoring.release: expected a release name of at most 4 characters (the chart cuts "
        '<release>-kube-prometheus-stack after 26), got "promo" '
        "(set with: pulumi config set --path 'meshlab:monitoring.release' VALUE)",
    ),
    (
        "unknown scenario",
        {"envoyDemo": {"scenario": "retries"}},
        "meshlab:envoyDemo.scenario: expected 'base', 'timeout' or 'retry', got \"retries\" "
        "(set with: pulumi config set --path 'meshlab:envoyDemo.scenario' VALUE)",
    ),
    (
        "revision that is not installed",
        {"mesh": {"namespaces": {"default": "1-30"}}},
        'meshlab:mesh.namespaces.default: expected one of the revisions 1-17, got "1-30" '
        "(set with: pulumi config set --path 'meshlab:mesh.namespaces.default' VALUE)",
    ),
    (
        "revision or tag that is not there",
        {
            "istio": {"revisions": {"1-17": {"version": "1.17.6"}}, "tags": {"stable": "1-17"}},
            "mesh": {"namespaces": {"default": "next"}},
        },
        'meshlab:mesh.namespaces.default: expected one of the revisions 1-17 or of the tags stable, got "next" '
        "(set with: pulumi config set --path 'meshlab:mesh.namespaces.default' VALUE)",
    ),
    (
        "tag of a revision that is gone",
        {"istio": {"revisions": {"1-17": {"version": "1.17.6"}}, "tags": {"stable": "1-16"}}},
        'meshlab:istio.tags.stable: expected one of the revisions 1-17, got "1-16" '
        "(set with: pulumi config set --path 'meshlab:istio.tags.stable' VALUE)",
    ),
    (
        "tag called as a revision",
        {"istio": {"revisions": {"1-17": {"version": "1.17.6"}}, "tags": {"1-17": "1-17"}}},
        'meshlab:istio.tags.1-17: expected a tag that is none of the revisions 1-17, got "1-17" '
        "(set with: pulumi config set --path 'meshlab:istio.tags[\"1-17\"]' VALUE)",
    ),
    (
        "registry with a scheme",
        {"cluster": {"imageRegistry": "https://registry.example/"}},
        "meshlab:cluster.imageRegistry: expected a registry such as registry.example:5000/mirror, without https:// and "
        'final slash, got "https://registry.example/" '
        "(set with: pulumi config set --path 'meshlab:cluster.imageRegistry' VALUE)",
    ),
    (
        "namespaces put into the mesh by a label of all",
        {"cluster": {"namespaceLabels": {"istio-injection": "enabled"}}},
        "meshlab:cluster.namespaceLabels.istio-injection: expected no label that injects (mesh.namespaces says which "
        'namespaces are in the mesh), got "enabled" '
        "(set with: pulumi config set --path 'meshlab:cluster.namespaceLabels[\"istio-injection\"]' VALUE)",
    ),
    (
        "adopting what the stack has no use for",
        {"cluster": {"adoptNamespaces": ["shop"]}},
        "meshlab:cluster.adoptNamespaces: expected namespaces that the stack uses: istio-system, prometheus, "
        'kiali-operator, istioinaction, got "shop" '
        "(set with: pulumi config set --path 'meshlab:cluster.adoptNamespaces' VALUE)",
    ),
    (
        "toleration that Kubernetes refuses",
        {"cluster": {"tolerations": [{"key": "pool", "effect": "NoRun"}]}},
        "meshlab:cluster.tolerations[0].effect: expected 'NoSchedule', 'PreferNoSchedule' or 'NoExecute', "
        "got \"NoRun\" (set with: pulumi config set --path 'meshlab:cluster.tolerations[0].effect' VALUE)",
    ),
    (
        "pull secret that is no name",
        {"cluster": {"imagePullSecrets": ["My_Secret"]}},
        "meshlab:cluster.imagePullSecrets[0]: expected the name of an object (a-z, 0-9, '-' and '.', at most 253 "
        'characters), got "My_Secret" '
        "(set with: pulumi config set --path 'meshlab:cluster.imagePullSecrets[0]' VALUE)",
    ),
    (
        "mirror of what is no registry",
        {"cluster": {"imageRegistries": {"docker.io/library": "mirror.example/hub"}}},
        "meshlab:cluster.imageRegistries.docker.io/library: expected a registry as images name it, such as quay.io, "
        'without a path, got "docker.io/library" '
        "(set with: pulumi config set --path 'meshlab:cluster.imageRegistries[\"docker.io/library\"]' VALUE)",
    ),
    (
        "digest that is none",
        {"cluster": {"imageDigests": {"docker.io/envoyproxy/envoy:v1.40.0": "sha256:1"}}},
        "meshlab:cluster.imageDigests.docker.io/envoyproxy/envoy:v1.40.0: expected a digest, sha256: and 64 "
        'hexadecimal digits, got "sha256:1" (set with: pulumi config set --path '
        "'meshlab:cluster.imageDigests[\"docker.io/envoyproxy/envoy:v1.40.0\"]' VALUE)",
    ),
    (
        "quantity that Kubernetes refuses",
        monitoring(storage={"size": "50 GB"}),
        'meshlab:monitoring.storage.size: expected a Kubernetes quantity such as 500m, 2 or 4Gi, got "50 GB" '
        "(set with: pulumi config set --path 'meshlab:monitoring.storage.size' VALUE)",
    ),
    (
        "null among a chart's values",
        {"istio": {"revisions": {"1-17": {"version": "1.17.6", "values": {"pilot": {"nodeSelector": None}}}}}},
        "meshlab:istio.revisions.1-17.values.pilot.nodeSelector: expected a value (Pulumi leaves a null out, so that "
        "the chart's own value stays; helm would take that away), got null "
        "(set with: pulumi config set --path 'meshlab:istio.revisions[\"1-17\"].values.pilot.nodeSelector' VALUE)",
    ),
    (
        "null in a list among a chart's values",
        monitoring(values={"grafana": {"plugins": ["piechart", None]}}),
        "meshlab:monitoring.values.grafana.plugins: expected a list without null (Pulumi leaves a null out), "
        'got ["piechart", null] '
        "(set with: pulumi config set --path 'meshlab:monitoring.values.grafana.plugins' VALUE)",
    ),
    (
        "prometheus in the mesh",
        {"mesh": {"namespaces": {"prometheus": "1-17"}}},
        "meshlab:mesh.namespaces.prometheus: expected no revision for namespace prometheus (Prometheus scrapes from "
        'there without mutual TLS), got "1-17" '
        "(set with: pulumi config set --path 'meshlab:mesh.namespaces.prometheus' VALUE)",
    ),
    (
        "no replicas",
        monitoring(replicas=0),
        "meshlab:monitoring.replicas: expected 1 or more, got 0 "
        "(set with: pulumi config set --path 'meshlab:monitoring.replicas' VALUE)",
    ),
    (
        "retention that Prometheus refuses",
        monitoring(retention="10 days"),
        'meshlab:monitoring.retention: expected a Prometheus duration such as 15s, 1h30m or 10d, got "10 days" '
        "(set with: pulumi config set --path 'meshlab:monitoring.retention' VALUE)",
    ),
    (
        "interval that Prometheus refuses",
        {"meshMonitors": {"interval": "0s"}},
        'meshlab:meshMonitors.interval: expected a Prometheus duration such as 15s, 1h30m or 10d, got "0s" '
        "(set with: pulumi config set --path 'meshlab:meshMonitors.interval' VALUE)",
    ),
    (
        "two revisions and no default",
        {"istio": {"revisions": {"1-17": {"version": "1.17.6"}, "1-30": {"version": "1.30.3"}}}},
        "meshlab:istio.defaultRevision: expected one of the revisions 1-17, 1-30, since there is more than one, got "
        "nothing (set with: pulumi config set --path 'meshlab:istio.defaultRevision' VALUE)",
    ),
    (
        "CRDs of another operator",
        monitoring(crdsVersion="31.0.1"),
        "meshlab:monitoring.crdsVersion: expected 0.1.0, the prometheus-operator-crds of kube-prometheus-stack 42.2.1, "
        "got \"31.0.1\" (set with: pulumi config set --path 'meshlab:monitoring.crdsVersion' VALUE)",
    ),
    (
        "a value that the chart reads elsewhere",
        istiod(values={"autoscaleMin": 3}),
        "meshlab:istio.revisions.1-17.values.autoscaleMin: expected pilot.autoscaleMin, where the chart of Istio "
        "1.17.6 reads it, got 3, which does nothing (remove with: pulumi config rm --path "
        "'meshlab:istio.revisions[\"1-17\"].values.autoscaleMin')",
    ),
    (
        "a value that another spelling overrules",
        istiod(version="1.30.3", values={"env": {"A": "b", "C": "d"}, "pilot": {"env": {"A": "x"}}}),
        "meshlab:istio.revisions.1-17.values.env.A: expected env.A or pilot.env.A (the chart lays the second over the "
        'first), got "b", which does nothing (remove with: pulumi config rm --path '
        "'meshlab:istio.revisions[\"1-17\"].values.env.A')",
    ),
    (
        "fewer replicas at most than at least",
        istiod(replicas=2, values={"pilot": {"autoscaleMax": 1}}),
        "meshlab:istio.revisions.1-17.values.pilot.autoscaleMax: expected 2 or more, as many replicas as there are at "
        "least, got 1 (set with: pulumi config set --path "
        "'meshlab:istio.revisions[\"1-17\"].values.pilot.autoscaleMax' VALUE)",
    ),
    (
        "requests over limits",
        istiod(resources={"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1100M"}}),
        'meshlab:istio.revisions.1-17.resources.requests.cpu: expected at most the limit 1, got "1500m" '
        "(set with: pulumi config set --path 'meshlab:istio.revisions[\"1-17\"].resources.requests.cpu' VALUE)",
    ),
    (
        "requests over limits of a part of the stack",
        monitoring(resources={"grafana": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}}}),
        'meshlab:monitoring.resources.grafana.requests.memory: expected at most the limit 1G, got "1Gi" '
        "(set with: pulumi config set --path 'meshlab:monitoring.resources.grafana.requests.memory' VALUE)",
    ),
    (
        "a registry of one image beside that of all",
        {
            "cluster": {"imageRegistry": "mirror.test/x"},
            **monitoring(values={"grafana": {"image": {"registry": "other.test"}}}),
        },
        "meshlab:monitoring.values.grafana.image.registry: expected none beside cluster.imageRegistry, which the chart "
        "lays over it, got one that does nothing "
        "(set with: pulumi config set --path 'meshlab:monitoring.values.grafana.image.registry' VALUE)",
    ),
    (
        "a field that Kiali calls otherwise",
        {"kiali": {"version": "2.29.0", "spec": {"external_services": {"grafana": {"in_cluster_url": "http://g"}}}}},
        "meshlab:kiali.spec.external_services.grafana.in_cluster_url: expected internal_url, as Kiali 2.29.0 calls it, "
        "got its name in another version "
        "(set with: pulumi config set --path 'meshlab:kiali.spec.external_services.grafana.in_cluster_url' VALUE)",
    ),
    (
        "unknown key of a rule of drift",
        {
            "drift": {
                "ignore": [{"kinds": ["Service"], "reason": "x"}, {"kind": "Service", "names": ["a"], "reason": "x"}]
            }
        },
        "meshlab:drift.ignore[1].kind: expected one of the keys deleted, fields, kinds, managers, names, namespaces, "
        "reason, got an unknown key (remove with: pulumi config rm --path 'meshlab:drift.ignore[1].kind')",
    ),
    (
        "rule of drift without a reason",
        {"drift": {"ignore": [{"kinds": ["Service"]}]}},
        "meshlab:drift.ignore[0].reason: expected a value, got nothing "
        "(set with: pulumi config set --path 'meshlab:drift.ignore[0].reason' VALUE)",
    ),
    (
        "path of a field in another spelling",
        {"drift": {"ignore": [{"fields": ["spec", "/spec/replicas"], "reason": "x"}]}},
        "meshlab:drift.ignore[0].fields[1]: expected a path such as spec.template.spec.containers[istio-proxy].image "
        '(* for any characters, [*] for any item of a list), got "/spec/replicas" '
        "(set with: pulumi config set --path 'meshlab:drift.ignore[0].fields[1]' VALUE)",
    ),
    (
        "rule of drift about fields of what may be missing",
        {"drift": {"ignore": [{"fields": ["spec"], "deleted": True, "reason": "x"}]}},
        "meshlab:drift.ignore[0]: expected deleted without fields and managers, since a missing object has none, got "
        '{"fields": ["spec"], "deleted": true, "reason": "x"} '
        "(set with: pulumi config set --path 'meshlab:drift.ignore[0]' VALUE)",
    ),
    (
        "stack version from before its CRDs were a chart",
        {"monitoring": {"version": "40.5.0"}},
        "meshlab:monitoring.crdsVersion: expected the version of prometheus-operator-crds that belongs to "
        "kube-prometheus-stack 40.5.0 (the first that has one is 41.0.0), got nothing "
        "(set with: pulumi config set --path 'meshlab:monitoring.crdsVersion' VALUE)",
    ),
    (
        "stack version that is newer than the table",
        {"monitoring": {"version": "999.0.0"}},
        "meshlab:monitoring.crdsVersion: expected the version of prometheus-operator-crds that belongs to "
        f"kube-prometheus-stack 999.0.0 (settings/operator_crds.yaml goes up to {released().until}: read on with "
        "meshlab charts pairs), got nothing "
        "(set with: pulumi config set --path 'meshlab:monitoring.crdsVersion' VALUE)",
    ),
]


@pytest.mark.parametrize(("over", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_setting_is_one_exact_line(over: dict[str, Any], message: str) -> None:
    assert problems(sections(**over)) == [f"Pulumi.dev.yaml: {message}"]


def test_a_folder_that_lacks_charts_names_the_files_expected(tmp_path: Path) -> None:
    for present in ("base-1.17.6.tgz", "istiod-1.17.6.tgz", "kube-prometheus-stack-42.2.1.tgz"):
        (tmp_path / present).touch()
    assert problems(sections(charts={"source": str(tmp_path)})) == [
        "Pulumi.dev.yaml: meshlab:charts.source: expected a folder with kiali-operator-1.59.1.tgz, "
        f'prometheus-operator-crds-0.1.0.tgz, got "{tmp_path}" '
        "(set with: pulumi config set --path 'meshlab:charts.source' VALUE)"
    ]


def test_every_problem_is_reported_in_one_run() -> None:
    wrong = sections(
        nope={},
        envoyDemo={"scenario": "x"},
        mesh={"namespaces": {"prometheus": "1-18"}},
        monitoring={"version": "42.2.1", "replicas": 0, "retention": "0"},
    )
    keys = [line.split(": ")[1] for line in problems(wrong)]
    assert keys == [
        "meshlab:envoyDemo.scenario",
        "meshlab:mesh.namespaces.prometheus",
        "meshlab:monitoring.replicas",
        "meshlab:monitoring.retention",
        "meshlab:nope",
    ]


def test_every_broken_rule_of_one_section_is_reported_at_its_own_key() -> None:
    revisions = {
        "1-17": {"version": "1.17.6", "values": {"autoscaleMin": 3, "hub": "x"}},
        "1-30": {"version": "1.30.3", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
    }
    keys = [line.split(": ")[1] for line in problems(sections(istio={"revisions": revisions}))]
    assert keys == [
        "meshlab:istio.revisions.1-17.values.autoscaleMin",
        "meshlab:istio.revisions.1-17.values.hub",
        "meshlab:istio.revisions.1-30.resources.requests.cpu",
    ]
    istio = {"revisions": {"a": {"version": "1.17.6"}, "b": {"version": "1.17.6"}}, "tags": {"a": "b", "x": "y"}}
    keys = [line.split(": ")[1] for line in problems(sections(istio=istio))]
    assert keys == ["meshlab:istio.defaultRevision", "meshlab:istio.tags.a", "meshlab:istio.tags.x"]


def test_a_wrong_setting_stops_the_program_before_any_resource() -> None:
    with pytest.raises(ProgramError) as caught:
        record("dev", config={"meshlab:envoyDemo": {"scenario": "x"}})
    assert str(caught.value).startswith("Pulumi.dev.yaml: meshlab:envoyDemo.scenario: expected ")


def test_settings_cannot_be_changed() -> None:
    settings = parse_settings(sections(), project="meshlab", stack="dev")
    with pytest.raises(ValueError, match="frozen"):
        settings.envoy_demo.scenario = "retry"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_projects_config_schema_and_the_settings_list_the_same_keys() -> None:
    schema = read_project(ROOT / "Pulumi.yaml")["config"]
    models = {field.alias: field.annotation for field in Settings.model_fields.values()}
    assert set(schema) == set(models)
    for key, entry in schema.items():
        assert entry["type"] == "object"
        # Defaults stand in the settings model alone; the empty section only lets a stack leave it out.
        assert entry["default"] == {}
        model = models[key]
        assert isinstance(model, type)
        assert issubclass(model, Section)
        assert model.__doc__ == f"{entry['description']}."


def test_every_setting_says_what_it_means() -> None:
    tree = ast.parse((ROOT / "settings" / "models.py").read_text(encoding="utf-8"))
    models = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name not in ("Section", "Settings")]
    settings = 0
    for model in models:
        for node, after in pairwise(model.body):
            if isinstance(node, ast.AnnAssign):
                settings += 1
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert documented, f"{model.name}: {ast.unparse(node)}"
    assert settings > 25
