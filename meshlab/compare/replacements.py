"""What cannot be changed in place: by Pulumi's provider, by helm, or by the API server."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..rendering.objects import KubernetesObject
from .changes import Change, Path, at, text_of

# Fields that the API server takes no change of, by kind.
_IMMUTABLE: Mapping[str, tuple[str, ...]] = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    "Job": ("spec.selector", "spec.template", "spec.completionMode"),
    "Service": ("spec.clusterIP", "spec.clusterIPs"),
    "PersistentVolumeClaim": (
        "spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName", "spec.volumeMode",
    ),
    "StorageClass": ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "Secret": ("type",),
    "CustomResourceDefinition": ("spec.group", "spec.scope"),
    "IngressClass": ("spec.controller",),
    "PriorityClass": ("value",),
    "RuntimeClass": ("handler",),
}  # fmt: skip
# What Pulumi's Kubernetes provider replaces beyond that (its forceNew table): the pods that use a ConfigMap or Secret
# are to get another object rather than a changed one.
_REPLACED_BY_PULUMI: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("data", "binaryData"),
    "Secret": ("data", "stringData", "type"),
    "Job": ("spec.completions", "spec.parallelism"),
    "StatefulSet": ("spec.revisionHistoryLimit",),
}

Entry = Mapping[str, Any]
"""One release as RenderedStack.release_list has it."""


def replacements(
    changes: Sequence[Change], releases_before: Iterable[Entry], releases_after: Iterable[Entry]
) -> Iterator[tuple[str, str]]:
    """What has to be deleted and created anew, and why, releases first."""
    yield from _releases(releases_before, releases_after)
    yield from _renamed(changes)
    yield from _moved(changes)
    for change in changes:
        if change.action == "changed":
            yield from ((change.one.label, text) for text in _in_place(change))


def _releases(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    old = {str(entry["resource"]): entry for entry in before}
    for entry in after:
        was = old.get(str(entry["resource"]))
        fields = [field for field in ("name", "namespace") if was is not None and was[field] != entry[field]]
        if was is not None and fields:
            told = ", ".join(f"{field} {was[field]} becomes {entry[field]}" for field in fields)
            yield f"Release {was['name']}", f"{told}: Pulumi uninstalls it and installs it anew"


def _renamed(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Objects of the program whose resource stays and whose name or namespace does not."""
    coming = {change.one.resource: change.one for change in changes if change.action == "added" and _is_own(change)}
    for change in changes:
        new = coming.get(change.one.resource)
        if change.action == "removed" and _is_own(change) and new is not None and new.kind == change.one.kind:
            where = f"{new.namespace}/{new.name}" if new.namespace else new.name
            yield change.one.label, f"becomes {where}: Pulumi creates that and deletes this"


def _moved(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Objects that another release, or the program, brings from now on. Helm adopts nothing of somebody else's."""
    coming = {change.one.identity: change.one for change in changes if change.action == "added"}
    for change in changes:
        new = coming.get(change.one.identity) if change.action == "removed" else None
        if new is not None:
            yield (
                change.one.label,
                f"moves from {_owner(change.one)} to {_owner(new)}: it has to be gone before that can create it",
            )


def _in_place(change: Change) -> Iterator[str]:
    assert change.before is not None and change.after is not None
    own, kind = _is_own(change), change.one.kind
    if change.one.patch:
        return
    if {"pre-install", "pre-upgrade", "post-install", "post-upgrade"} & set(change.one.hooks):
        return  # helm deletes a hook and creates it anew as a matter of course
    fields = [*_IMMUTABLE.get(kind, ()), *(_REPLACED_BY_PULUMI.get(kind, ()) if own else ())]
    if at(change.before.manifest, "immutable") is True:
        fields += ["data", "binaryData", "stringData"]
    touched = [field for field in dict.fromkeys(fields) if _touches(change.fields, field)]
    if change.secret_only and (own or at(change.before.manifest, "immutable") is True):
        touched = ["data"]
    if not touched:
        return
    shown = ", ".join(touched)
    if own:
        yield f"{shown} cannot change in place: Pulumi deletes it and creates it anew"
    else:
        yield f"{shown} cannot change in place: helm's upgrade of {change.one.release} fails until it is deleted"


def _touches(paths: Iterable[Path], field: str) -> bool:
    return any(
        f"{text_of(path)}.".startswith((f"{field}.", f"{field}[")) or field.startswith(f"{text_of(path)}.")
        for path in paths
    )


def _is_own(change: Change) -> bool:
    return not change.one.release


def _owner(one: KubernetesObject) -> str:
    return f"release {one.release}" if one.release else f"{one.component}'s own objects"
