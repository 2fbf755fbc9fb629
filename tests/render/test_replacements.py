"""What has to be deleted and created anew: by Pulumi, by helm, or by hand since the API server refuses the change."""

from dataclasses import replace
from typing import Any

import pytest

from meshlab.diff.replacements import replacements
from meshlab.recording.releases import Release
from meshlab.render.objects import KubernetesObject
from meshlab.render.others import Other
from tests.render.objects import CLUSTER, changed, chart, compared, obj, rendered

ANEW = "cannot change in place: Pulumi deletes it and creates it again"
STUCK = "cannot change in place: helm's upgrade of prom fails until it is deleted"
REFUSED = "cannot change in place: Pulumi's update fails until it is deleted"


def told(before: KubernetesObject, after: KubernetesObject) -> list[str]:
    return [text for _, text in replacements(changed([before], [after]))]


def released(before: list[Release], after: list[Release]) -> list[tuple[str, str]]:
    return list(replacements(compared(rendered(releases=before), rendered(releases=after))))


def deployment(selector: str, **more: Any) -> KubernetesObject:
    return obj("Deployment", "web", {"spec": {"selector": {"matchLabels": {"app": selector}}}}, api="apps/v1", **more)


def config(text: str, *, immutable: bool = False, **more: Any) -> KubernetesObject:
    return obj("ConfigMap", "web", {"data": {"a": text}, **({"immutable": True} if immutable else {})}, **more)


def test_a_selector_is_replaced_by_pulumi_and_stops_an_upgrade_by_helm() -> None:
    assert told(deployment("a"), deployment("b")) == [f"spec.selector {ANEW}"]
    assert told(deployment("a", release="prom"), deployment("b", release="prom")) == [f"spec.selector {STUCK}"]


@pytest.mark.parametrize(
    ("kind", "before", "after", "field"),
    [
        ("StatefulSet", {"spec": {"serviceName": "a"}}, {"spec": {"serviceName": "b"}}, "spec.serviceName"),
        ("Job", {"spec": {"template": {"a": 1}}}, {"spec": {"template": {"a": 2}}}, "spec.template"),
        ("ClusterRoleBinding", {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, "roleRef"),
        ("Service", {"spec": {"clusterIP": "None"}}, {"spec": {"ports": []}}, "spec.clusterIP"),
        ("Secret", {"type": "Opaque"}, {"type": "kubernetes.io/tls"}, "type"),
        ("PersistentVolumeClaim", {"spec": {"volumeName": "a"}}, {"spec": {"volumeName": "b"}}, "spec.volumeName"),
    ],
)
def test_what_the_api_server_takes_no_change_of_is_named(
    kind: str, before: dict[str, Any], after: dict[str, Any], field: str
) -> None:
    assert told(obj(kind, "web", before), obj(kind, "web", after)) == [f"{field} {ANEW}"]
    helms = (obj(kind, "web", content, release="prom") for content in (before, after))
    assert told(*helms) == [f"{field} {STUCK}"]


def test_a_mapping_that_appears_with_a_fixed_field_in_it_counts() -> None:
    assert told(obj("StatefulSet", "web"), obj("StatefulSet", "web", {"spec": {"serviceName": "a"}})) == [
        f"spec.serviceName {ANEW}"
    ]


def test_a_field_whose_name_only_begins_the_same_does_not_count() -> None:
    before, after = (obj("Service", "web", {"spec": {"clusterIPsOfOthers": value}}) for value in (1, 2))
    assert told(before, after) == []


def test_what_pulumi_tries_in_place_and_the_api_server_refuses_is_told_as_that() -> None:
    before, after = (obj("CustomResourceDefinition", "labs", {"spec": {"scope": scope}}) for scope in ("a", "b"))
    assert told(before, after) == [f"spec.scope {REFUSED}"]


def test_replicas_and_images_change_in_place() -> None:
    before, after = (obj("Deployment", "web", {"spec": {"replicas": number}}, api="apps/v1") for number in (1, 2))
    assert told(before, after) == []


def test_a_config_map_changes_in_place_since_the_provider_says_so() -> None:
    assert told(config("a"), config("b")) == []
    plain = Other("cluster", "pulumi:providers:kubernetes", {})
    before, after = (rendered([config(text)], others=[plain]) for text in "ab")
    assert [text for _, text in replacements(compared(before, after))] == [f"data {ANEW}"]


def test_an_immutable_config_map_does_not_change_in_place() -> None:
    assert told(config("a", immutable=True), config("b", immutable=True)) == [f"data {ANEW}"]
    helms = (config(text, immutable=True, release="prom") for text in "ab")
    assert told(*helms) == [f"data {STUCK}"]


def test_a_changed_secret_is_replaced_unless_the_provider_makes_it_mutable() -> None:
    before, after = (obj("Secret", "key", {"data": {"a": value}}) for value in ("b25l", "dHdv"))
    assert told(before, after) == [f"data {ANEW}"]
    mutable = Other("cluster", CLUSTER.type, {"enableSecretMutable": "true"})
    assert list(replacements(compared(rendered([before], others=[mutable]), rendered([after], others=[mutable])))) == []


def test_a_hook_of_a_chart_is_created_anew_as_a_matter_of_course() -> None:
    annotations = {"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}}
    before, after = (
        obj("Job", "once", {"spec": {"template": number}, **annotations}, release="prom") for number in (1, 2)
    )
    assert told(before, after) == []


def test_a_patch_of_somebody_elses_object_replaces_nothing() -> None:
    before, after = (obj("Deployment", "web", {"spec": {"selector": letter}}, patch=True) for letter in "ab")
    assert told(before, after) == []


def test_a_resource_whose_object_gets_another_name_is_replaced() -> None:
    before = obj("ConfigMap", "envoy-1", resource="part-envoy")
    after = obj("ConfigMap", "envoy-2", resource="part-envoy")
    assert list(replacements(changed([before], [after]))) == [
        ("ConfigMap default/envoy-1", "becomes default/envoy-2: Pulumi creates that and deletes this")
    ]


def test_an_object_that_goes_beside_one_that_comes_replaces_nothing() -> None:
    assert list(replacements(changed([obj("ConfigMap", "a")], [obj("ConfigMap", "b")]))) == []


def test_an_object_that_moves_to_another_release_has_to_go_first() -> None:
    before, after = obj("Service", "web", release="a"), obj("Service", "web", release="b")
    assert list(replacements(changed([before], [after]))) == [
        ("Service default/web", "moves from release a to release b: it has to be gone before that can create it")
    ]


def test_an_object_that_moves_to_another_component_with_an_alias_stays() -> None:
    before = obj("Service", "web", component="old")
    after = obj("Service", "web", component="new", former=(before.resource,))
    assert list(replacements(changed([before], [after]))) == []
    bare = obj("Service", "web", component="new")
    assert [text for _, text in replacements(changed([before], [bare]))] == [
        "moves from old's own objects to new's own objects: it has to be gone before that can create it"
    ]


def test_another_resource_for_the_same_object_without_an_alias_is_told() -> None:
    ((who, text),) = replacements(
        changed([obj("Service", "web", resource="part-web")], [obj("Service", "web", resource="part-front")])
    )
    assert who == "Service default/web"
    assert text.startswith("resource part-web becomes part-front without an alias")


@pytest.mark.parametrize(("field", "value"), [("name", "other"), ("namespace", "elsewhere")])
def test_a_release_with_another_name_or_namespace_is_installed_anew(field: str, value: str) -> None:
    ((who, text),) = released([chart("prom", "1")], [replace(chart("prom", "1"), **{field: value})])
    assert who == "Release prom"
    assert text.endswith(f"becomes {value}: Pulumi uninstalls it and installs it again")


def test_a_release_with_another_version_is_upgraded_in_place() -> None:
    assert released([chart("prom", "1")], [chart("prom", "2")]) == []


def test_a_release_under_another_resource_is_told_unless_an_alias_joins_them() -> None:
    before = [chart("prom", "1", resource="part-old")]
    ((who, text),) = released(before, [chart("prom", "1", resource="part-new")])
    assert (who, "without an alias" in text) == ("Release prom", True)
    assert released(before, [chart("prom", "1", resource="part-new", former=("part-old",))]) == []


def test_another_cluster_is_another_lab() -> None:
    others = [Other("cluster", CLUSTER.type, {"context": context}) for context in ("staging", "prod")]
    before, after = (rendered(others=[other]) for other in others)
    assert list(replacements(compared(before, after))) == [
        (
            "Provider cluster",
            "context staging becomes prod: where that is another cluster, everything is created again there",
        )
    ]


def test_a_setting_of_the_provider_that_names_no_cluster_replaces_nothing() -> None:
    assert list(replacements(compared(rendered(others=[Other("cluster", CLUSTER.type, {})]), rendered()))) == []


def test_a_password_that_is_generated_anew_is_told() -> None:
    others = [Other("part-key", "random:index/randomPassword:RandomPassword", {"length": length}) for length in (1, 2)]
    before, after = (rendered(others=[other]) for other in others)
    assert list(replacements(compared(before, after))) == [
        ("RandomPassword part-key", "length: another value is generated, for all that use it")
    ]
    assert list(replacements(compared(before, before))) == []
