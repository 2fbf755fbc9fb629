"""What cannot be changed in place: by Pulumi's provider, by helm, or by the API server."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..comparison.changes import Change, at, continues, differing, text_of
from ..comparison.stacks import Comparison
from ..recording.releases import Release
from ..render.objects import KubernetesObject
from ..render.others import KUBERNETES_PROVIDER, Other

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
# What Pulumi's Kubernetes provider replaces (its forceNew table), by kind. What stands above and not here, it tries to
# change in place, which the API server refuses.
_REPLACED_BY_PULUMI: Mapping[str, tuple[str, ...]] = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "StatefulSet": (
        "spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates",
        "spec.revisionHistoryLimit",
    ),
    "Job": ("spec.selector", "spec.template", "spec.completions", "spec.parallelism"),
    "Service": ("spec.clusterIP",),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    "StorageClass": ("parameters", "provisioner"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "ResourceQuota": ("spec.scopes",),
    "Secret": ("type",),
}  # fmt: skip
# Kinds whose contents it replaces too, unless the provider is told that they are mutable: by this input.
_CONTENTS = ("data", "binaryData", "stringData")
_MUTABLE: Mapping[str, str] = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
# Inputs of the provider that say which cluster it talks to.
_CLUSTER = ("kubeconfig", "context", "cluster", "clusterIdentifier")
_HOOKS = {"pre-install", "pre-upgrade", "post-install", "post-upgrade"}


def replacements(one: Comparison) -> Iterator[tuple[str, str]]:
    """What has to be deleted and created anew, and why: what hangs on nothing else first."""
    yield from _others(one.others)
    yield from _releases(one.releases)
    yield from _renamed(one.changes)
    yield from _moved(one.changes)
    mutable = _mutable(one.after.others if one.after else ())
    for change in one.changes:
        if change.renamed:
            yield _taken_over(change)
        elif change.action == "changed":
            yield from ((change.one.label, text) for text in _in_place(change, mutable))


def _others(pairs: Iterable[tuple[Other | None, Other | None]]) -> Iterator[tuple[str, str]]:
    for old, new in pairs:
        if old is None or new is None or old.inputs == new.inputs:
            continue
        fields = [text_of(path) for path in differing(old.inputs, new.inputs)]
        if new.type == KUBERNETES_PROVIDER:
            # An empty one says no more than none.
            named = [field for field in _CLUSTER if old.inputs.get(field) or new.inputs.get(field)]
            where = [field for field in fields if field in named]
            told = ", ".join(f"{field} {old.inputs.get(field)} becomes {new.inputs.get(field)}" for field in where)
            if told:
                yield new.label, f"{told}: where that is another cluster, everything is created again there"
        elif new.type.startswith("random:"):
            yield new.label, f"{', '.join(fields)}: another value is generated, for all that use it"


def _releases(pairs: Sequence[tuple[Release | None, Release | None]]) -> Iterator[tuple[str, str]]:
    for old, new in pairs:
        if old and new:
            fields = [field for field in ("name", "namespace") if getattr(old, field) != getattr(new, field)]
            told = ", ".join(f"{field} {getattr(old, field)} becomes {getattr(new, field)}" for field in fields)
            if told:
                yield f"Release {old.name}", f"{told}: Pulumi uninstalls it and installs it again"
    going = {(old.namespace, old.name): old for old, new in pairs if old and not new}
    for old, new in pairs:
        was = going.get((new.namespace, new.name)) if new and not old else None
        if new and was:
            yield (
                f"Release {new.name}",
                f"resource {was.resource} becomes {new.resource} without an alias: helm has the name in use until "
                "Pulumi uninstalls the old one, which it does last",
            )


def _renamed(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Objects of the program whose resource stays and whose name or namespace does not."""
    coming = [change.one for change in changes if change.action == "added" and _is_own(change)]
    for change in changes:
        if change.action != "removed" or not _is_own(change):
            continue
        old = change.one
        for new in coming:
            same = continues(old.resource, new.resource, new.former) and new.kind == old.kind
            if same and new.identity != old.identity:
                where = f"{new.namespace}/{new.name}" if new.namespace else new.name
                yield old.label, f"becomes {where}: Pulumi creates that and deletes this"


def _moved(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Objects that another release, or the program, brings from now on. Helm adopts nothing of somebody else's."""
    coming = {change.one.identity: change.one for change in changes if change.action == "added"}
    for change in changes:
        old, new = change.one, coming.get(change.one.identity) if change.action == "removed" else None
        if new is None or (not (old.release or new.release) and continues(old.resource, new.resource, new.former)):
            continue
        yield old.label, f"moves from {_owner(old)} to {_owner(new)}: it has to be gone before that can create it"


def _taken_over(change: Change) -> tuple[str, str]:
    assert change.before is not None and change.after is not None
    return (
        change.one.label,
        f"resource {change.before.resource} becomes {change.after.resource} without an alias: Pulumi creates the one "
        "before it deletes the other, and there is but one such object",
    )


def _mutable(others: Iterable[Other]) -> set[str]:
    """Kinds whose contents every Kubernetes provider of a stack changes in place."""
    providers = [other for other in others if other.type == KUBERNETES_PROVIDER]
    return {
        kind
        for kind, field in _MUTABLE.items()
        if providers and all(str(provider.inputs.get(field)).lower() == "true" for provider in providers)
    }


def _in_place(change: Change, mutable: Collection[str]) -> Iterator[str]:
    assert change.before is not None and change.after is not None
    own, kind = _is_own(change), change.one.kind
    if change.one.patch or (_HOOKS & set(change.one.hooks)):
        return  # helm deletes a hook and creates it anew as a matter of course
    fixed = at(change.before.manifest, "immutable") is True
    refused = [*_IMMUTABLE.get(kind, ()), *(_CONTENTS if fixed else ())]
    replaced: list[str] = []
    if own:
        replaced += _REPLACED_BY_PULUMI.get(kind, ())
        replaced += _CONTENTS if kind in _MUTABLE and (fixed or kind not in mutable) else ()
    touched = [field for field in dict.fromkeys([*replaced, *refused]) if _differs(change, field)]
    anew = [field for field in touched if field in replaced]
    stuck = [field for field in touched if field in refused]
    if anew:
        yield f"{', '.join(anew)} cannot change in place: Pulumi deletes it and creates it again"
    elif stuck:
        who = "Pulumi's update" if own else f"helm's upgrade of {change.one.release}"
        yield f"{', '.join(stuck)} cannot change in place: {who} fails until it is deleted"


def _differs(change: Change, field: str) -> bool:
    if field == "data" and change.secret:
        return True
    before, after = (
        at(object_.manifest, *field.split(".")) if object_ else None for object_ in (change.before, change.after)
    )
    return before != after


def _is_own(change: Change) -> bool:
    return not change.one.release


def _owner(one: KubernetesObject) -> str:
    return f"release {one.release}" if one.release else f"{one.component}'s own objects"
