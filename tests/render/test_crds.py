"""What a change of a CustomResourceDefinition means for the objects of its kind."""

from typing import Any

from meshlab.comparison.crds import crd_changes
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, obj

REPLICAS = {"replicas": {"type": "integer"}, "size": {"type": "string", "enum": ["S", "L"]}}


def version(
    name: str = "v1", fields: dict[str, Any] | None = None, required: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    spec = {"type": "object", "properties": REPLICAS if fields is None else fields, "required": list(required)}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {"name": name, "served": True, "storage": True, "schema": schema, **more}


def crd(*versions: dict[str, Any], **spec: Any) -> KubernetesObject:
    known: dict[str, Any] = {
        "group": "lab.example",
        "scope": "Namespaced",
        "names": {"kind": "Lab", "plural": "labs"},
        "versions": list(versions or (version(),)),
    }
    api = "apiextensions.k8s.io/v1"
    return obj("CustomResourceDefinition", "labs.lab.example", {"spec": known | spec}, api=api, namespace="")


def told(before: KubernetesObject | None, after: KubernetesObject | None) -> list[str]:
    ((_, lines),) = crd_changes(changed([before] if before else [], [after] if after else []).changes)
    return lines


def test_objects_of_other_kinds_are_not_spoken_of() -> None:
    assert list(crd_changes(changed([], [obj("Service", "web")]).changes)) == []


def test_a_new_kind_is_named_with_its_versions() -> None:
    assert told(None, crd(version("v1alpha1"), version("v1"))) == ["new kind Lab: v1alpha1, v1"]


def test_a_kind_that_goes_takes_its_objects_along() -> None:
    assert told(crd(), None) == ["goes, and with it every Lab in the cluster unless the definition is kept"]


def test_scope_and_group_cannot_change() -> None:
    assert told(crd(), crd(scope="Cluster")) == ["scope Namespaced becomes Cluster: the API server refuses that"]


def test_versions_that_come_go_and_are_no_longer_served_are_named() -> None:
    before = crd(version("v1alpha1", storage=True), version("v1beta1", storage=False))
    after = crd(version("v1beta1", storage=False, served=False), version("v1", storage=True))
    assert told(before, after) == [
        "new version v1",
        "version v1alpha1 goes: objects stored in it can no longer be read",
        "version v1beta1 is no longer served",
    ]


def test_another_storage_version_is_named() -> None:
    before = crd(version("v1beta1", storage=True), version("v1", storage=False))
    after = crd(version("v1beta1", storage=False), version("v1", storage=True))
    assert told(before, after) == ["objects are stored as v1 from now on"]


def test_fields_that_go_are_named_and_those_within_them_are_not() -> None:
    deep = {**REPLICAS, "pod": {"type": "object", "properties": {"cpu": {"type": "string"}}}}
    assert told(crd(version(fields=deep)), crd()) == ["v1: fields gone (1): spec.pod"]


def test_fields_that_become_required_are_named() -> None:
    assert told(crd(), crd(version(required=("replicas",)))) == ["v1: fields required now (1): spec.replicas"]


def test_a_new_required_field_counts_only_where_its_parent_was_there_before() -> None:
    inner = {"type": "object", "properties": {"cpu": {"type": "string"}}, "required": ["cpu"]}
    assert told(crd(), crd(version(fields={**REPLICAS, "pod": inner}))) == ["v1: new fields (1)"]
    outer = crd(version(fields={**REPLICAS, "cpu": {"type": "string"}}, required=("cpu",)))
    assert told(crd(), outer) == ["v1: fields required now (1): spec.cpu", "v1: new fields (1)"]


def test_another_type_and_fewer_values_are_named() -> None:
    other = {"replicas": {"type": "string"}, "size": {"type": "string", "enum": ["S"]}}
    assert told(crd(), crd(version(fields=other))) == [
        "v1: fields of another type (1): spec.replicas",
        "v1: fields with fewer values (1): spec.size",
    ]


def test_an_enum_where_any_value_did_is_fewer_values_and_one_value_more_is_not() -> None:
    free = {"size": {"type": "string"}}
    bound = {"size": {"type": "string", "enum": ["S", "L"]}}
    wider = {"size": {"type": "string", "enum": ["S", "M", "L"]}}
    assert told(crd(version(fields=free)), crd(version(fields=bound))) == [
        "v1: fields with fewer values (1): spec.size"
    ]
    assert told(crd(version(fields=bound)), crd(version(fields=wider))) == []


def test_descriptions_alone_are_nothing_to_tell() -> None:
    described = {**REPLICAS, "replicas": {"type": "integer", "description": "How many."}}
    assert told(crd(), crd(version(fields=described))) == []


def test_a_definition_that_other_tools_wrote_is_told_to_be_the_same() -> None:
    def by(tools: str) -> KubernetesObject:
        one = crd()
        annotations = {"controller-gen.kubebuilder.io/version": tools}
        content = {"metadata": {"annotations": annotations}, "spec": one.manifest["spec"]}
        return obj(one.kind, one.name, content, api="apiextensions.k8s.io/v1", namespace="")

    assert told(by("v0.9.0"), by("v0.19.0")) == ["the same definition, from another version of its tools"]


def test_a_long_list_of_fields_is_cut_with_their_number() -> None:
    many = {f"field{number}": {"type": "string"} for number in range(9)}
    (line,) = told(crd(version(fields={**REPLICAS, **many})), crd())
    assert line.startswith("v1: fields gone (9): spec.field0, ")
    assert line.endswith("spec.field5 and 3 more")
