"""Where the state of a stack lies: one for each cluster that it is on, told apart by the UID of namespace kube-system.

A backend that the caller names is one place for all; there, the state's own namespaces tell which cluster it is of.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from components.cluster_api import ClusterApi
from components.errors import MeshlabError

from .engine import state_file
from .engine_secrets import BACKEND
from .lab import STATE, Target
from .verify.access import Manifest
from .verify.objects import NAMESPACES

IDENTITY = "kube-system"
"""The namespace whose UID no other cluster has: a cluster that is made anew is another one."""
NAMESPACE = "kubernetes:core/v1:Namespace"
"""What the type of a namespace begins with, and of a patch of one that was there."""


class PlaceError(MeshlabError):
    """A state is of another cluster than the one at hand; the message is one line."""


def place(target: Target, stack: str, state: Path = STATE) -> Path:
    """The folder of all that is kept of a stack on a cluster. Raises AccessError where that does not say who it is.

    `state` itself is the embedded cluster's, and of whoever had the stack there before states were told apart.
    """
    if os.environ.get(BACKEND):
        return state
    cluster = ClusterApi(target.kubeconfig)
    uid = _uid(cluster)
    own = state / "on" / uid
    if _state(own, stack).is_file():
        return own
    if not _state(state, stack).is_file():
        return state if target.embedded else own
    record = _record(state, stack)
    recorded = record.read_text(encoding="utf-8") if record.is_file() else None
    known = recorded == uid if recorded else is_of(_resources(_state(state, stack)), cluster.list(NAMESPACES))
    return state if known else own


def claim(target: Target, stack: str, folder: Path) -> None:
    """Note whose the state of a stack is that is about to be made in `folder`."""
    if not os.environ.get(BACKEND):
        _record(folder, stack).write_text(_uid(ClusterApi(target.kubeconfig)), encoding="utf-8")


def refuse_elsewhere(export: Callable[[], Mapping[str, Any] | None], target: Target, stack: str) -> None:
    """Raise PlaceError where the state in the caller's backend is of another cluster.

    By names alone, a run would take this cluster's objects for the state's: `down` would forget the others.
    """
    backend = os.environ.get(BACKEND)
    if not backend:
        return
    resources = cast(list[Mapping[str, Any]], (export() or {}).get("resources") or [])
    if not is_of(resources, ClusterApi(target.kubeconfig).list(NAMESPACES)):
        raise PlaceError(
            f"stack {stack}: its state in {backend} is of another cluster than the {target.label}, which has none of "
            "its namespaces; nothing was changed (name that one with CLUSTER=<context>; for this one, use a stack or a "
            f"backend of its own; if that one is gone, forget it: pulumi stack rm {stack} --force)"
        )


def forget(folder: Path, state: Path = STATE) -> None:
    """Take the folder of a cluster away once no stack of it has a state there."""
    if folder != state and not any((folder / "pulumi").glob(".pulumi/stacks/*/*.json")):
        shutil.rmtree(folder, ignore_errors=True)


def places(stack: str, state: Path = STATE) -> list[Path]:
    """Every folder that has a state of the stack, the one that was changed last first; `state` where none has."""
    folders = [state, *state.glob("on/*")]
    found = [one for one in folders if _state(one, stack).is_file()]
    return sorted(found, key=lambda one: _state(one, stack).stat().st_mtime, reverse=True) or [state]


def is_of(resources: Iterable[Mapping[str, Any]], live: Iterable[Manifest]) -> bool:
    """Whether resources of a state are on the cluster of these namespaces: true where they know no namespace."""
    known = {
        str(uid)
        for one in resources
        if str(one["type"]).startswith(NAMESPACE) and (uid := _metadata(one).get("uid")) is not None
    }
    return not known or bool(known & {str(one["metadata"]["uid"]) for one in live})


def _metadata(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    outputs = cast(Mapping[str, Any], resource.get("outputs") or {})
    return cast(Mapping[str, Any], outputs.get("metadata") or {})


def _uid(cluster: ClusterApi) -> str:
    return str(cluster.get(NAMESPACES, IDENTITY)["metadata"]["uid"])


def _state(folder: Path, stack: str) -> Path:
    return state_file(folder / "pulumi", stack)


def _record(folder: Path, stack: str) -> Path:
    return folder / "stacks" / stack / "cluster"


def _resources(file: Path) -> list[Mapping[str, Any]]:
    checkpoint = cast(Mapping[str, Any], json.loads(file.read_text(encoding="utf-8"))["checkpoint"])
    latest = cast(Mapping[str, Any], checkpoint.get("latest") or {})
    return cast(list[Mapping[str, Any]], latest.get("resources") or [])
