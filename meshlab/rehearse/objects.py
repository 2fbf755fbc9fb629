"""What an API server says of a stack's objects and of its programs' requests: what is gone, what is deprecated."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from kube.api_objects import AccessError
from kube.cluster import Cluster
from kube.discovery import WORKERS, Kind, Kinds

from ..doctor.admission import askable
from ..doctor.plan import PlannedObject
from .outcome import Cell, RehearsalResult

SHOWN = 5
"""How many objects a line names."""


def served(kinds: Kinds, objects: Sequence[PlannedObject]) -> Cell:
    """Whether each object's API version is one that the cluster serves."""
    gone: dict[str, list[str]] = {}
    for object_ in objects:
        if _kind(kinds, object_) is None:
            gone.setdefault(f"{object_.manifest['apiVersion']} {object_.manifest['kind']}", []).append(object_.label)
    if not gone:
        return Cell(RehearsalResult.OK, f"{len(objects)} objects")
    return Cell(
        RehearsalResult.FAILED,
        f"{len(gone)} not served",
        tuple(f"{api} is not served here: {_named(labels)}" for api, labels in gone.items()),
    )


def deprecated(cluster: Cluster, kinds: Kinds, objects: Sequence[PlannedObject]) -> Cell:
    """What the API server warns of where the objects are applied (its Warning headers), which changes nothing."""
    asked = [(kind, object_) for object_ in objects if (kind := _kind(kinds, object_)) is not None]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(_warnings, repeat(cluster), asked))
    warned: dict[str, list[str]] = {}
    for (_, one), texts in zip(asked, answers, strict=True):
        for text in texts:
            warned.setdefault(text, []).append(one.label)
    if not warned:
        return Cell(RehearsalResult.OK, f"{len(asked)} objects")
    return Cell(
        RehearsalResult.WARNING,
        f"{len(warned)} warnings",
        tuple(f"{text}: {_named(labels)}" for text, labels in sorted(warned.items())),
    )


def requested(before: Mapping[str, str], after: Mapping[str, str]) -> Cell:
    """Which deprecated APIs were asked for since `before`, as the API server counts them."""
    new = {name: removed for name, removed in after.items() if name not in before}
    if not new:
        return Cell(RehearsalResult.OK)
    lines = (f"{name}{f', gone in {removed}' if removed else ''}" for name, removed in sorted(new.items()))
    return Cell(RehearsalResult.WARNING, f"{len(new)} APIs", tuple(lines))


def _warnings(cluster: Cluster, asked: tuple[Kind, PlannedObject]) -> Sequence[str]:
    kind, one = asked
    try:
        return cluster.warnings(kind.resource, askable(one.manifest))
    except AccessError:
        # What is there was let in: only its immutable fields can be refused now.
        return []


def _kind(kinds: Kinds, one: PlannedObject) -> Kind | None:
    return kinds.of(str(one.manifest["apiVersion"]), str(one.manifest["kind"]))


def _named(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(labels[:SHOWN]) + more
