"""The shape of the program: parents, tokens, edges, one provider."""

import json
from typing import Any

import pytest

from base.assets import load_dashboards
from meshlab.recording.recorder import Recorded, Recording, encoded, record
from settings.names import ISTIO_NAMESPACE
from tests.support.stacks import STACKS

COMPONENTS = {
    "IstioControlPlane": "istio",
    "KubePrometheusStack": "monitoring",
    "MeshMonitors": "mesh-monitors",
    "KialiOperator": "kiali",
    "EnvoyDemo": "envoy-demo",
    "SampleApps": "sample-apps",
    "MeshRollout": "mesh-rollout",
}
# The picture in design: who waits for what of whom. Pairs of (component, what of another component it waits for).
CROSS_EDGES = {
    ("mesh-monitors", "monitoring-crds"),
    ("mesh-monitors", "istio-namespace"),
    ("kiali", "istio-istiod-1-17"),
    ("envoy-demo", "istio-istiod-1-17"),
    ("envoy-demo", "istio-mesh-default"),
    ("mesh-rollout", "istio-base"),
    ("mesh-rollout", "istio-istiod-1-17"),
    ("mesh-rollout", "istio-namespace"),
    ("mesh-rollout", "envoy-demo-httpbin-deployment"),
    ("mesh-rollout", "envoy-demo-sleep-deployment"),
}


def owner(recording: Recording, resource: Recorded) -> str:
    by_urn = {candidate.urn: candidate for candidate in recording.resources}
    while resource.parent:
        resource = by_urn[resource.parent]
    return resource.name


@pytest.mark.parametrize(("kind", "name"), COMPONENTS.items())
def test_each_component_has_its_token_and_registers_its_outputs_once(dev: Recording, kind: str, name: str) -> None:
    (component,) = dev.of_type(f"meshlab:index:{kind}")
    assert component.name == name
    assert not component.custom
    assert dev.component_outputs[component.urn] == 1


def test_every_resource_but_the_provider_is_named_after_its_component(dev: Recording) -> None:
    components = {component.urn: component for component in dev.resources if not component.custom}
    assert sorted(component.name for component in components.values()) == sorted(COMPONENTS.values())
    for resource in dev.resources:
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            assert resource.parent in components, resource.name
            assert resource.name.startswith(f"{components[resource.parent].name}-")


def test_one_provider_serves_every_kubernetes_resource(dev: Recording) -> None:
    (provider,) = dev.of_type("pulumi:providers:kubernetes")
    kubernetes = [resource for resource in dev.resources if resource.type.startswith("kubernetes:")]
    assert len(kubernetes) > 40
    assert {resource.provider.rsplit("::", 1)[0] for resource in kubernetes} == {provider.urn}


def test_components_wait_for_each_other_exactly_as_the_design_draws_it(dev: Recording) -> None:
    by_urn = {resource.urn: resource for resource in dev.resources}
    found = {
        (owner(dev, resource), by_urn[urn].name)
        for resource in dev.resources
        for urn in resource.depends_on
        if owner(dev, by_urn[urn]) != owner(dev, resource)
    }
    assert found == CROSS_EDGES


def depends_on(recording: Recording, name: str) -> set[str]:
    by_urn = {resource.urn: resource for resource in recording.resources}
    return {by_urn[urn].name for urn in recording.named(name).depends_on}


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("istio-base", {"istio-namespace"}),
        ("istio-istiod-1-17", {"istio-base"}),
        ("istio-mesh-default", {"istio-istiod-1-17"}),
        (
            "mesh-rollout-default-validator",
            {"istio-base", "istio-istiod-1-17", "envoy-demo-httpbin-deployment", "envoy-demo-sleep-deployment"},
        ),
        (
            "mesh-rollout-istiod",
            {"istio-namespace", "envoy-demo-httpbin-deployment", "envoy-demo-sleep-deployment"},
        ),
        ("monitoring-crds", {"monitoring-namespace"}),
        ("monitoring-stack", {"monitoring-crds", "monitoring-grafana-admin", "monitoring-admission-certificate"}),
        ("monitoring-admission-validatingwebhookconfiguration", {"monitoring-stack", "monitoring-admission-secret"}),
        ("monitoring-admission-mutatingwebhookconfiguration", {"monitoring-stack", "monitoring-admission-secret"}),
        ("mesh-monitors-istio-component-monitor", {"monitoring-crds"}),
        ("mesh-monitors-envoy-stats-monitor", {"monitoring-crds"}),
        ("mesh-monitors-envoy-demo-monitor", {"monitoring-crds"}),
        ("kiali-release", {"kiali-namespace", "kiali-crd"}),
        ("kiali-kiali", {"kiali-release", "istio-istiod-1-17"}),
        (
            "envoy-demo-httpbin-deployment",
            {"envoy-demo-httpbin-serviceaccount", "istio-istiod-1-17", "istio-mesh-default"},
        ),
        ("envoy-demo-envoy-deployment", {"envoy-demo-envoy-serviceaccount", "envoy-demo-envoy-config"}),
        ("envoy-demo-envoy-service", set()),
        ("sample-apps-web-api-deployment", {"sample-apps-namespace", "sample-apps-web-api-serviceaccount"}),
    ],
)
def test_a_resource_waits_for_what_it_needs_and_nothing_else(dev: Recording, name: str, needs: set[str]) -> None:
    assert depends_on(dev, name) == needs


def test_monitors_do_not_wait_for_the_whole_stack(dev: Recording) -> None:
    monitors = dev.children(dev.named("mesh-monitors"))
    assert len(monitors) >= 5
    for monitor in monitors:
        assert "monitoring-stack" not in depends_on(dev, monitor.name)


def test_each_release_skips_the_crds_folder_and_is_pinned_at_preview(dev: Recording) -> None:
    releases = dev.of_type("kubernetes:helm.sh/v3:Release")
    assert {str(release.inputs["chart"]) for release in releases} == {
        "base",
        "istiod",
        "prometheus-operator-crds",
        "kube-prometheus-stack",
        "kiali-operator",
    }
    for release in releases:
        assert release.inputs["skipCrds"] is True
        assert release.inputs["version"].count(".") == 2
        assert release.inputs["timeout"] >= 600
        assert "<" not in str(release.inputs), release.name


def test_crds_stay_when_the_stack_goes(dev: Recording) -> None:
    kept = {resource.name for resource in dev.resources if resource.options.get("retainOnDelete")}
    # The certificate goes with its namespace.
    assert kept - {"monitoring-admission-certificate"} == {"monitoring-crds", "kiali-crd"}


@pytest.mark.parametrize("stack", STACKS)
def test_what_runs_no_pods_goes_with_a_namespace_of_the_program(stack: str) -> None:
    recorded = record(stack)
    types = {"Namespace", "Deployment", "Kiali", "Release", "CustomResourceDefinitionPatch", "NamespacePatch"}
    ours = {
        resource.inputs["metadata"]["name"]: resource.name
        for resource in recorded.of_type("kubernetes:core/v1:Namespace")
    }
    inside = [
        resource
        for resource in recorded.resources
        if resource.provider
        and resource.type.rpartition(":")[2] not in types
        and resource.inputs.get("metadata", {}).get("namespace") in ours
        # It outlives the stack where the chart makes the webhooks, and the alias of istiod moves last.
        and not resource.options.get("retainOnDelete")
        and not resource.name.startswith("mesh-rollout-")
    ]
    assert len(inside) > 15
    for resource in inside:
        assert resource.options.get("deletedWith") == ours[resource.inputs["metadata"]["namespace"]], resource.name
    others = [resource for resource in recorded.resources if resource not in inside]
    assert not [other.name for other in others if "deletedWith" in other.options]


def test_grafanas_password_is_in_a_secret_and_in_no_release(dev: Recording) -> None:
    clear = record("dev", generated="canary-password")
    holders = {resource.name for resource in clear.resources if encoded("canary-password") in str(resource.inputs)}
    assert holders == {"monitoring-grafana-admin"}
    admin = clear.named("monitoring-stack").inputs["values"]["grafana"]["admin"]
    secret = clear.named("monitoring-grafana-admin").inputs
    assert admin["existingSecret"] == secret["metadata"]["name"]
    assert {admin["userKey"], admin["passwordKey"]} == set(secret["data"])
    assert dev.outputs["grafanaPassword"] in ("<secret>", "<known after up>")


def test_the_alias_service_follows_the_default_revision_and_is_not_awaited(dev: Recording) -> None:
    alias = dev.named("mesh-rollout-istiod").inputs
    assert alias["metadata"]["name"] == "istiod"
    assert alias["metadata"]["namespace"] == ISTIO_NAMESPACE
    assert alias["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"
    assert alias["spec"]["selector"] == {"app": "istiod", "istio.io/rev": "1-17"}


def test_the_service_istiod_that_came_from_the_control_plane_keeps_its_place(dev: Recording) -> None:
    istio = dev.named("istio")
    aliases = dev.named("mesh-rollout-istiod").options["aliases"]
    assert aliases == [{"spec": {"name": "istio-alias", "parentUrn": istio.urn}}]


def test_the_validating_webhook_is_the_default_revisions_not_the_base_charts(dev: Recording) -> None:
    assert dev.named("istio-base").inputs["values"]["defaultRevision"] == ""
    moved = record("dev", config={"meshlab:istio": {**TAGGED["meshlab:istio"], "defaultRevision": "1-30"}})
    for recording, revision in ((dev, "1-17"), (moved, "1-30")):
        validator = recording.named("mesh-rollout-default-validator").inputs
        assert validator["metadata"]["name"] == "istiod-default-validator"
        assert validator["metadata"]["labels"]["istio.io/rev"] == revision
        (webhook,) = validator["webhooks"]
        assert webhook["clientConfig"]["service"]["name"] == f"istiod-{revision}"
        # istiod owns it: whoever sets it too is in conflict with istiod at the next change.
        assert "failurePolicy" not in webhook


def test_only_what_says_that_a_workload_is_there_is_awaited(dev: Recording) -> None:
    skipping = "pulumi.com/skipAwait"
    services = dev.of_type("kubernetes:core/v1:Service")
    assert len(services) >= 8
    for service in services:
        assert service.inputs["metadata"]["annotations"] == {skipping: "true"}, service.name
    for deployment in dev.of_type("kubernetes:apps/v1:Deployment"):
        assert skipping not in deployment.inputs["metadata"].get("annotations", {}), deployment.name


def test_changing_the_scenario_renames_envoys_config_and_rolls_envoy() -> None:
    seen: dict[str, tuple[str, str]] = {}
    for scenario in ("base", "timeout", "retry"):
        recording = record("dev", config={"meshlab:envoyDemo": {"scenario": scenario}})
        config = recording.named("envoy-demo-envoy-config").inputs
        pods = recording.named("envoy-demo-envoy-deployment").inputs["spec"]["template"]["spec"]
        (mounted,) = (volume["configMap"]["name"] for volume in pods["volumes"] if volume["name"] == "envoy")
        assert mounted == config["metadata"]["name"]
        seen[scenario] = (mounted, config["data"]["envoy.yaml"])
    assert len({name for name, _ in seen.values()}) == 3
    assert len({text for _, text in seen.values()}) == 3


def test_httpbin_and_sleep_roll_when_their_revision_changes_and_envoy_does_not() -> None:
    def templates(revision: str) -> dict[str, object]:
        istio = {"revisions": {revision: {"version": "1.17.6"}}}
        recording = record(
            "dev", config={"meshlab:istio": istio, "meshlab:mesh": {"namespaces": {"default": revision}}}
        )
        names = ("httpbin", "sleep", "envoy")
        return {name: recording.named(f"envoy-demo-{name}-deployment").inputs["spec"]["template"] for name in names}

    before, after = templates("1-17"), templates("1-18")
    assert before["httpbin"] != after["httpbin"]
    assert before["sleep"] != after["sleep"]
    assert before["envoy"] == after["envoy"]


def test_workloads_that_leave_the_mesh_want_no_sidecar_despite_the_label() -> None:
    def pods(mesh: dict[str, Any]) -> dict[str, Any]:
        recording = record("dev", config={"meshlab:mesh": mesh})
        return recording.named("envoy-demo-httpbin-deployment").inputs["spec"]["template"]["metadata"]

    inside, outside = pods({"namespaces": {"default": "1-17"}}), pods({})
    assert "sidecar.istio.io/inject" not in inside["labels"]
    assert inside["annotations"] == {"meshlab.io/revision": "1-17"}
    assert outside["labels"]["sidecar.istio.io/inject"] == "false"
    assert "annotations" not in outside


def test_without_a_mesh_no_namespace_is_touched_and_nothing_waits_for_istio() -> None:
    recording = record("dev", config={"meshlab:mesh": {}})
    assert not recording.of_type("kubernetes:core/v1:NamespacePatch")
    assert depends_on(recording, "envoy-demo-httpbin-deployment") == {"envoy-demo-httpbin-serviceaccount"}


def test_a_meshed_namespace_of_ours_carries_its_label_from_birth() -> None:
    mesh = {"namespaces": {"default": "1-17", "istioinaction": "1-17"}}
    recording = record("dev", config={"meshlab:mesh": mesh})
    assert recording.named("sample-apps-namespace").inputs["metadata"]["labels"]["istio.io/rev"] == "1-17"
    patches = recording.of_type("kubernetes:core/v1:NamespacePatch")
    assert [patch.inputs["metadata"]["name"] for patch in patches] == ["default"]
    assert "istio-istiod-1-17" in depends_on(recording, "sample-apps-web-api-deployment")


def test_the_namespace_of_prometheus_is_never_labelled_for_injection(dev: Recording) -> None:
    labels = dev.named("monitoring-namespace").inputs["metadata"].get("labels", {})
    assert not [label for label in labels if label.startswith("istio")]


TAGGED = {
    "meshlab:istio": {
        "revisions": {"1-17": {"version": "1.17.6"}, "1-30": {"version": "1.30.3"}},
        "defaultRevision": "1-17",
        "tags": {"stable": "1-17", "next": "1-30"},
    },
    "meshlab:mesh": {"namespaces": {"default": "stable", "istioinaction": "next"}},
}


def tags_moved_to(revision: str) -> dict[str, object]:
    istio = {**TAGGED["meshlab:istio"], "tags": {"stable": revision, "next": "1-30"}}
    return {**TAGGED, "meshlab:istio": istio}


def test_a_tag_is_the_injector_of_its_revision_for_those_who_say_the_tags_name() -> None:
    tag = record("dev", config=TAGGED).named("istio-tag-stable").inputs
    assert tag["metadata"]["name"] == "istio-revision-tag-stable"
    assert tag["metadata"]["labels"] == {"app": "sidecar-injector", "istio.io/tag": "stable", "istio.io/rev": "1-17"}
    assert len(tag["webhooks"]) == 2
    for webhook in tag["webhooks"]:
        assert webhook["clientConfig"]["service"]["name"] == "istiod-1-17"
        assert "caBundle" not in webhook["clientConfig"]
        terms = [*webhook["namespaceSelector"]["matchExpressions"], *webhook["objectSelector"]["matchExpressions"]]
        assert [t["values"] for t in terms if t["key"] == "istio.io/rev" and t["operator"] == "In"] == [["stable"]]


def test_namespaces_and_workloads_wait_for_the_tag_that_they_follow() -> None:
    recording = record("dev", config=TAGGED)
    assert recording.named("istio-mesh-default").inputs["metadata"]["labels"] == {"istio.io/rev": "stable"}
    assert depends_on(recording, "istio-mesh-default") == {"istio-istiod-1-17", "istio-tag-stable"}
    httpbin = depends_on(recording, "envoy-demo-httpbin-deployment")
    assert {"istio-istiod-1-17", "istio-tag-stable", "istio-mesh-default"} <= httpbin
    assert recording.named("sample-apps-namespace").inputs["metadata"]["labels"]["istio.io/rev"] == "next"
    assert {"istio-istiod-1-30", "istio-tag-next"} <= depends_on(recording, "sample-apps-web-api-deployment")


def test_moving_a_tag_rolls_only_its_workloads_and_changes_no_namespace() -> None:
    before, after = record("dev", config=TAGGED), record("dev", config=tags_moved_to("1-30"))
    changed = {resource.name for resource in before.resources if resource.inputs != after.named(resource.name).inputs}
    assert changed == {"istio-tag-stable", "envoy-demo-httpbin-deployment", "envoy-demo-sleep-deployment"}


ROLLED = {**TAGGED, "meshlab:mesh": {"namespaces": {"default": "stable", "istioinaction": "stable"}, "rollAtOnce": 2}}
MESHED = (
    "envoy-demo-httpbin-deployment",
    "envoy-demo-sleep-deployment",
    "sample-apps-web-api-deployment",
    "sample-apps-recommendation-deployment",
    "sample-apps-purchase-history-v1-deployment",
    "sample-apps-sleep-deployment",
)


def test_with_a_limit_our_workloads_roll_with_the_others() -> None:
    moved = {**ROLLED, "meshlab:istio": tags_moved_to("1-30")["meshlab:istio"]}
    before, after = record("dev", config=ROLLED), record("dev", config=moved)
    changed = {resource.name for resource in before.resources if resource.inputs != after.named(resource.name).inputs}
    assert changed == {"istio-tag-stable", "mesh-rollout-workloads"}
    for name in MESHED:
        pods = after.named(name).inputs["spec"]["template"]["metadata"]
        assert "annotations" not in pods
        assert "sidecar.istio.io/inject" not in pods["labels"]
        assert not depends_on(after, name) & set(MESHED)


def test_other_workloads_roll_after_ours_and_then_the_default_revision_moves() -> None:
    recording = record("dev", config=ROLLED)
    rollout = recording.named("mesh-rollout-workloads")
    assert rollout.inputs["leadsTo"] == {"1-17": "1-17", "1-30": "1-30", "stable": "1-17", "next": "1-30"}
    assert rollout.inputs["installed"] == ["1-17", "1-30"]
    assert rollout.inputs["atOnce"] == 2
    needs = {"istio-istiod-1-17", "istio-istiod-1-30", "istio-tag-stable", "istio-tag-next", "istio-mesh-default"}
    assert depends_on(recording, rollout.name) == needs | set(MESHED)
    for last in ("mesh-rollout-default-validator", "mesh-rollout-istiod"):
        assert rollout.name in depends_on(recording, last)


def test_without_a_limit_owners_roll_their_own_workloads() -> None:
    recording = record("dev", config=TAGGED)
    assert not [resource for resource in recording.resources if resource.type.startswith("pulumi-python:")]


def test_our_namespaces_have_the_strictest_pod_security_that_pods_allow(dev: Recording) -> None:
    level = "pod-security.kubernetes.io/enforce"
    levels = {
        resource.inputs["metadata"]["name"]: resource.inputs["metadata"]["labels"][level]
        for resource in dev.of_type("kubernetes:core/v1:Namespace")
    }
    assert levels == {
        "istio-system": "baseline",
        "prometheus": "privileged",
        "kiali-operator": "restricted",
        "istioinaction": "restricted",
    }
    newer = record("dev", config={"meshlab:kiali": {"version": "2.29.0"}})
    assert newer.named("istio-namespace").inputs["metadata"]["labels"][level] == "restricted"
    meshed = record("dev", config=TAGGED).named("sample-apps-namespace").inputs["metadata"]["labels"]
    assert meshed[level] == "privileged"  # istio-init changes the pod's network


def test_protected_namespaces_are_all_of_ours_and_only_where_it_is_asked_for(dev: Recording) -> None:
    asked = record("dev", config={"meshlab:cluster": {"protectNamespaces": True}})
    protected = {resource.name for resource in asked.resources if resource.options.get("protect")}
    assert protected == {resource.name for resource in asked.of_type("kubernetes:core/v1:Namespace")}
    assert not [resource for resource in dev.resources if resource.options.get("protect")]


def test_every_namespace_of_ours_has_the_clusters_labels_and_ours_win(dev: Recording) -> None:
    level, stack = "pod-security.kubernetes.io/enforce", "meshlab.io/stack"
    asked = {"namespaceLabels": {"team": "mesh", level: "privileged"}, "namespaceAnnotations": {"c": "d", stack: "x"}}
    found = record("dev", config={"meshlab:cluster": asked}).of_type("kubernetes:core/v1:Namespace")
    before = {resource.name: resource.inputs["metadata"] for resource in dev.of_type("kubernetes:core/v1:Namespace")}
    assert len(found) == len(before) == 4
    for resource in found:
        plain, metadata = before[resource.name], resource.inputs["metadata"]
        assert metadata["labels"] == {**plain["labels"], "team": "mesh"}
        assert metadata["annotations"] == {**plain["annotations"], "c": "d"}


def test_of_an_adopted_namespace_only_the_mark_and_the_meshs_label_are_ours() -> None:
    adopted = {"adoptNamespaces": ["prometheus", "istioinaction"], "namespaceLabels": {"team": "mesh"}}
    recording = record("dev", config={**TAGGED, "meshlab:cluster": {**adopted, "protectNamespaces": True}})
    mark = {"meshlab.io/stack": "meshlab/dev"}
    monitoring, apps = recording.named("monitoring-namespace"), recording.named("sample-apps-namespace")
    assert (monitoring.type, apps.type) == ("kubernetes:core/v1:NamespacePatch",) * 2
    assert monitoring.inputs["metadata"] == {"name": "prometheus", "annotations": mark}
    revision = {"istio.io/rev": TAGGED["meshlab:mesh"]["namespaces"]["istioinaction"]}
    assert apps.inputs["metadata"] == {"name": "istioinaction", "annotations": mark, "labels": revision}
    assert not monitoring.options.get("protect")


def test_what_is_in_an_adopted_namespace_is_deleted_by_itself(dev: Recording) -> None:
    adopted = record("dev", config={"meshlab:cluster": {"adoptNamespaces": ["prometheus"]}})
    with_it = {
        resource.name for resource in dev.resources if resource.options.get("deletedWith") == "monitoring-namespace"
    }
    assert len(with_it) > 10
    assert not [name for name in with_it if "deletedWith" in adopted.named(name).options]
    # Nothing but the CRDs outlives the stack there.
    kept = {resource.name for resource in adopted.resources if resource.options.get("retainOnDelete")}
    assert kept == {"monitoring-crds", "kiali-crd"}


def test_resources_of_our_own_workloads_are_a_setting(dev: Recording) -> None:
    size = {"requests": {"cpu": "7m"}, "limits": {"memory": "77Mi"}}
    asked = record("dev", config={"meshlab:envoyDemo": {"resources": size}, "meshlab:sampleApps": {"resources": size}})
    deployments = asked.of_type("kubernetes:apps/v1:Deployment")
    assert len(deployments) == 7
    for deployment in deployments:
        containers = deployment.inputs["spec"]["template"]["spec"]["containers"]
        assert all(container["resources"] == size for container in containers)
        before = dev.named(deployment.name).inputs["spec"]["template"]["spec"]["containers"]
        assert all(container["resources"]["limits"] for container in before)


def test_kiali_is_awaited_by_its_own_condition_within_the_time_that_is_set() -> None:
    recording = record("dev", config={"meshlab:kiali": {"version": "1.59.1", "readyTimeoutSeconds": 77}})
    kiali = recording.named("kiali-kiali")
    assert kiali.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Successful"
    assert kiali.options["timeouts"] == {"create": "77s", "update": "77s", "delete": "77s"}


def test_not_awaiting_kiali_drops_the_condition_and_deletion_still_waits() -> None:
    recording = record("dev", config={"meshlab:kiali": {"version": "1.59.1", "awaitReady": False}})
    kiali = recording.named("kiali-kiali")
    assert not kiali.inputs["metadata"].get("annotations")
    assert "delete" in kiali.options["timeouts"]


@pytest.mark.parametrize(
    ("version", "inside", "outside"),
    [
        ("1.59.1", "in_cluster_url", "url"),
        ("2.29.0", "internal_url", "external_url"),
    ],
)
def test_kiali_links_to_our_dashboards_where_grafana_shows_them_to_everybody(
    version: str, inside: str, outside: str
) -> None:
    def grafana(anonymous: bool) -> dict[str, Any]:
        recording = record(
            "dev",
            config={
                "meshlab:kiali": {"version": version},
                "meshlab:monitoring": {"version": "42.2.1", "grafanaAnonymous": anonymous},
            },
        )
        return recording.named("kiali-kiali").inputs["spec"]["external_services"]["grafana"]

    linked = grafana(anonymous=True)
    assert linked[inside] == "http://prom-grafana.prometheus"
    assert linked[outside] == "http://localhost:3000"
    titles = {json.loads(text)["title"]: json.loads(text) for text in load_dashboards().values()}
    for dashboard in linked["dashboards"]:
        variables = {f"var-{entry['name']}" for entry in titles[dashboard["name"]]["templating"]["list"]}
        assert set(dashboard.get("variables", {}).values()) <= variables
    assert grafana(anonymous=False) == {"enabled": False}


def test_kiali_reads_the_names_of_the_default_revision_and_of_the_release() -> None:
    recording = record(
        "dev",
        config={
            "meshlab:istio": {
                "revisions": {"1-17": {"version": "1.17.6"}, "1-30": {"version": "1.30.3"}},
                "defaultRevision": "1-30",
            },
            "meshlab:monitoring": {"version": "42.2.1", "release": "obs", "namespace": "watch"},
            "meshlab:kiali": {"version": "1.59.1"},
        },
    )
    services = recording.named("kiali-kiali").inputs["spec"]["external_services"]
    assert services["istio"] == {
        "config_map_name": "istio-1-30",
        "istiod_deployment_name": "istiod-1-30",
        "istio_sidecar_injector_config_map_name": "istio-sidecar-injector-1-30",
    }
    assert services["prometheus"]["url"] == "http://obs-kube-prometheus-stack-prometheus.watch:9090"
    assert recording.named("istio-base").inputs["version"] == "1.30.3"
    monitor = recording.named("mesh-monitors-istio-component-monitor").inputs["metadata"]
    assert (monitor["labels"]["release"], monitor["namespace"]) == ("obs", "watch")


def test_values_of_a_stack_come_last_and_leave_the_rest(dev: Recording) -> None:
    values = {"grafana": {"sidecar": {"dashboards": {"label": "mine"}}}}
    recording = record("dev", config={"meshlab:monitoring": {"version": "42.2.1", "values": values}})
    dashboards = recording.named("monitoring-stack").inputs["values"]["grafana"]["sidecar"]["dashboards"]
    before = dev.named("monitoring-stack").inputs["values"]["grafana"]["sidecar"]["dashboards"]
    assert dashboards == {**before, "label": "mine"}


def test_each_dashboard_is_a_config_map_of_its_own_in_the_folder_istio(dev: Recording) -> None:
    maps = [child for child in dev.children(dev.named("mesh-monitors")) if child.type == "kubernetes:core/v1:ConfigMap"]
    assert len(maps) >= 2
    for config in maps:
        assert config.inputs["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert config.inputs["metadata"]["annotations"] == {"grafana_folder": "Istio"}
        assert len(config.inputs["data"]) == 1


def test_outputs_are_what_a_person_needs_next(dev: Recording) -> None:
    assert dev.outputs["revision"] == "1-17"
    assert "svc/prom-grafana 3000:80" in dev.outputs["grafana"]
    assert "svc/prom-kube-prometheus-stack-prometheus 9090" in dev.outputs["prometheus"]
    assert "20001" in dev.outputs["kiali"]
