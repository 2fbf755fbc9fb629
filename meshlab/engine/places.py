"""Where a stack's own files lie: one folder for each cluster that it is on, by the UID of its namespace kube-system.

A backend of the caller's has one state for all clusters, and one folder here; the state's own namespaces tell which
cluster it is of.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from base.errors import MeshlabError
from kube.api_objects import Manifest
from kube.cluster import Cluster
from kube.objects import NAMESPACES, uid_of

from ..stackfile.stack_names import reference_of
from ..state_folder import STATE, stack_folder
from ..target import Target
from .backends import URL, Backend, backend_for, callers, deployment_in, state_file

NAMESPACE = "kubernetes:core/v1:Namespace"
"""What the type of a namespace begins with, and of a patch of one that was there."""


def find_place(
    target: Target, stack: str, state: Path = STATE, *, project: Mapping[str, Any] | None = None
) -> tuple[Path, Backend]:
    """The folder of all that is kept of a stack on a cluster, and the backend of its state.

    `project` is what Pulumi.yaml says, for a caller who has read it. Raises AccessError where the cluster does not say
    who it is.

    `state` itself is the embedded cluster's, and of whoever had the stack there before states were told apart. Raises
    MeshlabError where the caller has a backend and a state of ours has the stack on this cluster: nothing starts empty.
    """
    ours = _own_place(target, stack, state)
    backend = backend_for(ours, embedded=target.embedded, project=project)
    if backend.own:
        return ours, backend
    if _has_something(_state(ours, stack)):
        raise MeshlabError(
            f"stack {stack}: its state on the {target.label} is in {ours / 'pulumi'}, and not in {backend.told()}; "
            "nothing was changed",
            "move it there: pulumi stack export, then import, as docs/backends.md has it; or stay "
            f"with it: {URL}={(ours / 'pulumi').as_uri()}",
        )
    return _place_of(backend, state), backend


def _has_something(state: Path) -> bool:
    """Whether a state is more than the empty one that a preview makes: that one is nothing to leave behind."""
    deployment = deployment_in(state) if state.is_file() else {}
    return bool(deployment.get("resources") or deployment.get("pending_operations"))


def _place_of(backend: Backend, state: Path) -> Path:
    return state / "backends" / hashlib.sha256(backend.url.encode()).hexdigest()[:16]


def _own_place(target: Target, stack: str, state: Path) -> Path:
    cluster = Cluster(target.kubeconfig)
    uid = uid_of(cluster)
    own = state / "on" / uid
    if _state(own, stack).is_file():
        return own
    if not _state(state, stack).is_file():
        return state if target.embedded else own
    record = _record(state, stack)
    recorded = record.read_text(encoding="utf-8") if record.is_file() else None
    if recorded:
        return state if recorded == uid else own
    resources: list[Any] = deployment_in(_state(state, stack)).get("resources") or []
    return state if is_of(resources, cluster.list(NAMESPACES)) else own


def claim(backend: Backend, target: Target, stack: str, folder: Path) -> None:
    """Note whose the state of ours is that is about to be made in `folder`."""
    if backend.own:
        _record(folder, stack).write_text(uid_of(Cluster(target.kubeconfig)), encoding="utf-8")


def refuse_elsewhere(
    export: Callable[[], Mapping[str, Any] | None], backend: Backend, target: Target, stack: str
) -> None:
    """Raise MeshlabError where the state in the caller's backend is of another cluster.

    By names alone, a run would take this cluster's objects for the state's: `down` would forget the others.
    """
    if backend.own:
        return
    resources = cast(list[Mapping[str, Any]], (export() or {}).get("resources") or [])
    if not is_of(resources, Cluster(target.kubeconfig).list(NAMESPACES)):
        raise MeshlabError(
            f"stack {stack}: its state in {backend.told()} is of another cluster than the {target.label}, which has "
            "none of its namespaces; nothing was changed",
            "name that one with CLUSTER=<context>; for this one, use a "
            "stack or a backend of its own; if that one is gone, forget it: "
            f"pulumi stack rm {reference_of(stack)} --force",
        )


def forget(folder: Path, state: Path = STATE) -> None:
    """Take the folder of a cluster away once no stack of it has a state there."""
    if folder.parent == state / "on" and not any((folder / "pulumi").glob(".pulumi/stacks/*/*.json")):
        shutil.rmtree(folder, ignore_errors=True)


def folders(state: Path = STATE) -> list[Path]:
    """Every folder that `find_place` may have named."""
    return [state, *state.glob("on/*"), *state.glob("backends/*")]


def list_places(stack: str, state: Path = STATE) -> list[Path]:
    """Every folder of ours that has a state of the stack, the last changed first; `state` where none has."""
    folders = [state, *state.glob("on/*")]
    found = [folder for folder in folders if _state(folder, stack).is_file()]
    return sorted(found, key=lambda one: _state(one, stack).stat().st_mtime, reverse=True) or [state]


def list_homes(stack: str, state: Path = STATE) -> list[tuple[Path, Backend]]:
    """Where to look for a stack whose cluster is not asked for: the caller's backend, then each state of ours."""
    theirs = callers()
    ours = [(folder, backend_for(folder, embedded=True)) for folder in list_places(stack, state)]
    return [(_place_of(theirs, state), theirs), *ours] if theirs is not None else ours


def find_home(stack: str, state: Path = STATE, *, embedded: bool) -> tuple[Path, Backend]:
    """The first of them, without the caller's where the stack is known to be on the embedded cluster."""
    return next(home for home in list_homes(stack, state) if home[1].own or not embedded)


def is_of(resources: Iterable[Mapping[str, Any]], live: Iterable[Manifest]) -> bool:
    """Whether resources of a state are on the cluster of these namespaces: true where they know no namespace."""
    known = {
        str(uid)
        for resource in resources
        if str(resource["type"]).startswith(NAMESPACE) and (uid := _metadata(resource).get("uid")) is not None
    }
    return not known or bool(known & {str(item["metadata"]["uid"]) for item in live})


def _metadata(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    outputs = cast(Mapping[str, Any], resource.get("outputs") or {})
    return cast(Mapping[str, Any], outputs.get("metadata") or {})


def _state(folder: Path, stack: str) -> Path:
    return state_file(folder / "pulumi", stack)


def _record(folder: Path, stack: str) -> Path:
    return stack_folder(folder, stack) / "cluster"
