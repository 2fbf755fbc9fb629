"""Objects that others name by kind and name: each has to be there."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from kube.api_objects import entries, mapping

from ..render.objects import KubernetesObject
from .finding import Inconsistency
from .whole import Whole

WITHOUT_REFERENCES = frozenset(
    {
        "ClusterRole",
        "ConfigMap",
        "CustomResourceDefinition",
        "EnvoyFilter",
        "Namespace",
        "PrometheusRule",
        "Role",
        "Secret",
    }
)
"""Kinds whose fields name no other object; some of them are large."""
_MONITORING = "monitoring.coreos.com"
_LISTS = {"imagePullSecrets": "Secret", "secrets": "Secret", "configMaps": "ConfigMap"}
_NAMES = {
    "secretName": "Secret",
    "claimName": "PersistentVolumeClaim",
    "serviceAccountName": "ServiceAccount",
    "priorityClassName": "PriorityClass",
}
_MAPPINGS = {
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
    "secret": "Secret",
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMap": "ConfigMap",
}
_CLUSTER_WIDE = ("ClusterRole", "PriorityClass", "IngressClass")


def references(whole: Whole) -> Iterator[Inconsistency]:
    """Every reference of an object to another one that is not there, or lacks the key that it is asked for."""
    for object_ in whole.objects:
        if object_.namespace and not whole.has("Namespace", "", object_.namespace) and not object_.patch:
            expected = f"a Namespace {object_.namespace}"
            yield Inconsistency("Namespace", object_, "metadata.namespace", expected, "none", object_.namespace)
        if object_.kind in WITHOUT_REFERENCES:
            continue
        yield from _Walk(whole, object_).findings(object_.manifest, "")
        yield from _bound(whole, object_)
        yield from _scaled(whole, object_)


class _Walk:
    """Looks through the fields of one object."""

    def __init__(self, whole: Whole, one: KubernetesObject) -> None:
        self._whole, self._one = whole, one
        self._selectors = one.group == _MONITORING

    def findings(self, node: Any, path: str) -> Iterator[Inconsistency]:
        if isinstance(node, list):
            for number, entry in enumerate(cast(list[Any], node)):
                if isinstance(entry, dict | list):
                    yield from self.findings(entry, f"{path}[{number}]")
            return
        fields: Mapping[str, Any] = node
        for key, value in fields.items():
            if isinstance(value, str):
                if key in _NAMES and value and not self._made_here(key):
                    yield from self._named(_NAMES[key], value, f"{path}.{key}", fields)
            elif isinstance(value, dict):
                entry = mapping(value)
                if key in _MAPPINGS and isinstance(entry.get("name"), str):
                    yield from self._named(_MAPPINGS[key], entry["name"], f"{path}.{key}", entry)
                elif self._selectors and "key" in entry and entry.keys() <= {"name", "key", "optional"}:
                    yield from self._named("Secret", str(entry.get("name")), f"{path}.{key}", entry)
                else:
                    yield from self.findings(entry, f"{path}.{key}")
            elif isinstance(value, list):
                if key in _LISTS and (key == "imagePullSecrets" or self._selectors):
                    yield from self._listed(_LISTS[key], cast(list[Any], value), f"{path}.{key}")
                else:
                    yield from self.findings(value, f"{path}.{key}")

    def _made_here(self, key: str) -> bool:
        """Whether the field says what is going to be made, and not what has to be there."""
        return key == "secretName" and self._one.group == "cert-manager.io"

    def _listed(self, kind: str, entries: list[Any], path: str) -> Iterator[Inconsistency]:
        for number, entry in enumerate(entries):
            name = entry.get("name") if isinstance(entry, dict) else entry  # type: ignore[reportUnknownVariableType, reportUnknownMemberType]
            if isinstance(name, str):
                yield from self._named(kind, name, f"{path}[{number}]", {})

    def _named(self, kind: str, name: str, path: str, about: Mapping[str, Any]) -> Iterator[Inconsistency]:
        if about.get("optional"):
            return
        namespace = "" if kind in _CLUSTER_WIDE else self._one.namespace
        where = path.removeprefix(".")
        found = self._whole.find(kind, namespace, name)
        if found is None:
            if not self._whole.has(kind, namespace, name):
                yield Inconsistency(kind, self._one, where, _an(kind, namespace, name), "none", name)
            return
        wanted = [about.get("key"), *(item.get("key") for item in entries(about.get("items")))]
        for key in (key for key in wanted if key is not None and kind in ("Secret", "ConfigMap")):
            held = [*mapping(found.manifest.get("data")), *mapping(found.manifest.get("stringData"))]
            held += mapping(found.manifest.get("binaryData"))
            if key not in held and not found.patch:
                expected = f"the key {key} in {found.label}"
                yield Inconsistency(
                    f"key of a {kind}", self._one, where, expected, ", ".join(held) or "an empty one", key
                )


def _bound(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    """A binding's role, and its ServiceAccounts."""
    if one.kind not in ("RoleBinding", "ClusterRoleBinding"):
        return
    role = one.manifest["roleRef"]
    namespace = "" if role["kind"] == "ClusterRole" else one.namespace
    if not whole.has(role["kind"], namespace, role["name"]):
        yield Inconsistency("role", one, "roleRef", _an(role["kind"], namespace, role["name"]), "none", role["name"])
    for number, subject in enumerate(entries(one.manifest.get("subjects"))):
        if subject["kind"] == "ServiceAccount":
            namespace = subject.get("namespace") or one.namespace
            if not whole.has("ServiceAccount", namespace, subject["name"]):
                expected = _an("ServiceAccount", namespace, subject["name"])
                yield Inconsistency("ServiceAccount", one, f"subjects[{number}]", expected, "none", subject["name"])


def _scaled(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    """What a HorizontalPodAutoscaler scales."""
    if one.kind != "HorizontalPodAutoscaler":
        return
    target = one.manifest["spec"]["scaleTargetRef"]
    if not whole.has(target["kind"], one.namespace, target["name"]):
        expected = _an(target["kind"], one.namespace, target["name"])
        yield Inconsistency("scaled workload", one, "spec.scaleTargetRef", expected, "none", target["name"])


def _an(kind: str, namespace: str, name: str) -> str:
    place = f"{namespace}/{name}" if namespace else name
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind} {place}"
