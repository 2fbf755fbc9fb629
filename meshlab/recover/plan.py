"""Decides, from what was found, what has to be done so that one `up` converges. Asks, and changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kube.api_objects import Manifest

from ..engine.state import RELEASE, PendingOperation, ReleaseKey, State
from .adoption import adopted_object, adopted_release
from .helm import (
    DEPLOYED,
    FAILED,
    UNFINISHED_CHANGE,
    UNFINISHED_DELETION,
    UNFINISHED_INSTALL,
    HelmRelease,
    WayBack,
)
from .live import CLOCK_SLACK, is_ours
from .steps import Adopt, Drop, Forget, KeepFailed, RollBack, Step, Uninstall

OF_THE_CLUSTER = "kubernetes:"


@dataclass(frozen=True)
class RecoveryFacts:
    """What the decision rests on."""

    state: State
    releases: Mapping[ReleaseKey, HelmRelease]
    """Helm's releases, of everybody."""
    since: datetime | None
    """When the interrupted run began, where a lock tells."""
    look: Callable[[PendingOperation], Manifest | None]
    """Looks the object of an operation up in the cluster."""
    values: Callable[[ReleaseKey], Mapping[str, Any]]
    """Looks up which values helm has for a release."""
    way_back: Callable[[ReleaseKey], WayBack]
    """Looks up the revisions to roll a release back to."""


def steps_for(found: RecoveryFacts) -> list[Step]:
    """The steps that settle every pending operation and every unfinished release of the stack."""
    steps: list[Step] = []
    for operation in found.state.operations:
        steps += _settle(operation, found)
    begun = {ReleaseKey.of(operation.inputs) for operation in found.state.operations if operation.type == RELEASE}
    owned = {key: urn for key, urn in found.state.releases().items() if key not in begun}
    for key, urn in owned.items():
        steps += _finish(found.releases.get(key), found, urn)
    return steps


def foreign(found: RecoveryFacts) -> list[HelmRelease]:
    """Unfinished releases of others, which are left alone."""
    ours = {ReleaseKey.of(operation.inputs) for operation in found.state.operations if operation.type == RELEASE}
    ours |= found.state.releases().keys()
    unfinished = (*UNFINISHED_INSTALL, *UNFINISHED_CHANGE, UNFINISHED_DELETION)
    return [one for key, one in found.releases.items() if one.status in unfinished and key not in ours]


def _settle(operation: PendingOperation, found: RecoveryFacts) -> Iterator[Step]:
    if operation.kind == "creating":
        yield from _settle_create(operation, found)
    elif operation.type == RELEASE and operation.kind == "updating":
        yield from _finish(found.releases.get(ReleaseKey.of(operation.inputs)), found, operation.urn)
        yield Forget(operation, "up compares it again")
    elif operation.type == RELEASE and operation.kind == "deleting":
        release = found.releases.get(ReleaseKey.of(operation.inputs))
        if release is not None and release.status == UNFINISHED_DELETION:
            yield Uninstall(release.key, release.status)
        elif release is not None:
            yield Forget(operation, "the next run deletes it again")
            return
        # The provider does not delete a release twice: it fails on one that is not there.
        yield Forget(operation, "it is gone")
        yield Drop(operation.urn, "its release is gone")
    else:
        yield Forget(operation, "up compares it again" if operation.kind == "updating" else "the next run repeats it")


def _settle_create(operation: PendingOperation, found: RecoveryFacts) -> Iterator[Step]:
    if operation.answered:
        yield Adopt(operation, operation.resource)
    elif operation.type == RELEASE:
        yield from _settle_install(operation, found)
    elif operation.type.startswith(OF_THE_CLUSTER):
        live = found.look(operation)
        if live is None:
            yield Forget(operation, "nothing was created yet")
        elif is_ours(operation, live, found.since):
            yield Adopt(operation, adopted_object(operation, live))
        else:
            yield Forget(operation, _not_ours(operation))
    else:
        yield Forget(operation, "it has no object in the cluster, and is created again")


def _not_ours(operation: PendingOperation) -> str:
    if operation.type.endswith("Patch"):
        return "the object was not patched yet"
    return "what is there under its name is not this stack's, and stays"


def _settle_install(operation: PendingOperation, found: RecoveryFacts) -> Iterator[Step]:
    key = ReleaseKey.of(operation.inputs)
    release = found.releases.get(key)
    if release is None:
        yield Forget(operation, "helm had not begun it")
    elif not _installed_by(operation, release, found):
        yield Forget(operation, f"release {key} belongs to someone else, and stays")
    elif release.status == DEPLOYED:
        yield Adopt(operation, adopted_release(operation))
    else:
        yield Uninstall(key, release.status)
        yield Forget(operation, "up installs it again")


def _installed_by(operation: PendingOperation, release: HelmRelease, found: RecoveryFacts) -> bool:
    """Whether a release is the one that an interrupted run began: not older, and the same version and values."""
    if release.revision != 1 or (found.since is not None and release.updated < found.since - CLOCK_SLACK):
        return False
    version = str(operation.inputs.get("version") or "")
    return release.chart.endswith(f"-{version}") and found.values(release.key) == (operation.inputs.get("values") or {})


def _finish(release: HelmRelease | None, found: RecoveryFacts, urn: str | None) -> Iterator[Step]:
    """What an unfinished or failed release of this stack needs; nothing else does. `urn` is its resource's, if any."""
    if release is None or release.status not in (*UNFINISHED_INSTALL, *UNFINISHED_CHANGE, UNFINISHED_DELETION, FAILED):
        return
    if release.status == UNFINISHED_DELETION:
        yield Uninstall(release.key, release.status)
        if urn is not None:
            yield Drop(urn, "its release is gone")
        return
    way = found.way_back(release.key)
    if way.newer:
        if release.status != FAILED or not way.noted:
            yield KeepFailed(release.key, release.status, way)
        return
    if way.good:
        yield RollBack(release.key, release.status, way.good, way.through)
        return
    if release.status == FAILED:
        return  # a first install, which the next upgrade is compared with, so that `up` alone converges
    yield Uninstall(release.key, release.status)
    if urn is not None:
        yield Drop(urn, "its release never stood")
