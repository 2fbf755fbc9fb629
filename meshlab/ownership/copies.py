"""Objects that are there once too often: they say that they are the stack's, and the stack has no such object."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from kube.api_objects import Manifest, mapping
from kube.fields import managers
from kube.helm_marks import HOOK, helm_owner
from kube.helm_records import RECORD_TYPE
from kube.objects import annotations_of, labels_of, name_of

from ..comparison.declared import differences
from ..comparison.finding import DriftFinding, What
from ..render.objects import KubernetesObject

PROGRAM_MANAGERS = ("pulumi-kubernetes*",)
"""By what the program's objects are written: the engine's provider."""
NOT_THE_CONTENT = ("apiVersion", "kind", "metadata", "status")


def find_extras(
    known: Collection[KubernetesObject],
    objects: Sequence[Manifest],
    components: Mapping[tuple[str, str], str],
    namespaces: Collection[str],
) -> Iterator[DriftFinding]:
    """The extra ones among the `objects` of one kind, of which the stack has those in `known`.

    `components` has the component of each release by its namespace and name; `namespaces` are the stack's own.
    """
    wanted = {(object_.namespace, object_.name) for object_ in known}
    declared = [object_ for object_ in known if not object_.release and not object_.patch]
    for live in objects:
        metadata = live["metadata"]
        namespace, name = str(metadata.get("namespace") or ""), name_of(live)
        # What a controller made follows from its owner.
        if (namespace, name) in wanted or metadata.get("ownerReferences") or live.get("type") == RECORD_TYPE:
            continue
        owner = helm_owner(live)
        if owner in components:
            if HOOK not in annotations_of(live):
                note = f"says it belongs to the release {owner[1]}, which brings no such object"
                yield _finding(live, components[owner], owner[1], note)
            continue
        original = next((object_ for object_ in declared if _is_copy(object_, live, namespaces)), None)
        if original is not None:
            yield _finding(live, original.component, "", f"a copy of {original.label}")
        elif declared and namespace in namespaces and _written_by_the_program(live):
            yield _finding(live, declared[0].component, "", "the program brought it once and no longer has it")


def _is_copy(original: KubernetesObject, live: Manifest, namespaces: Collection[str]) -> bool:
    """Whether an object has the labels and all of the content that one of the program's has.

    One without labels must also be in a namespace of the stack: elsewhere, a policy that reads the same is its own.
    """
    labels = labels_of(original.manifest)
    content = _content(original.manifest)
    if not content or not labels.items() <= labels_of(live).items():
        return False
    return (bool(labels) or live["metadata"].get("namespace") in namespaces) and not any(differences(content, live))


def _content(manifest: Manifest) -> dict[str, Any]:
    content = {key: value for key, value in manifest.items() if key not in NOT_THE_CONTENT}
    # Two ServiceAccounts are always the same but for their names.
    return {} if manifest["kind"] == "ServiceAccount" else content


def _written_by_the_program(live: Manifest) -> bool:
    return any(any(fnmatchcase(manager.name, pattern) for pattern in PROGRAM_MANAGERS) for manager in managers(live))


def _finding(live: Manifest, component: str, release: str, note: str) -> DriftFinding:
    metadata = mapping(live["metadata"])
    return DriftFinding(
        What.EXTRA,
        str(live["apiVersion"]),
        str(live["kind"]),
        str(metadata.get("namespace") or ""),
        name_of(live),
        component,
        release,
        note=note,
        live=live,
    )
