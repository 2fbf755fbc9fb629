"""The cluster that a command is for: the embedded one, or a context of the user's kubeconfig."""

import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from base.errors import MeshlabError
from base.files import write_private
from base.say import Say
from embedded import cluster
from embedded.tools import kubernetes as minors
from kube import kubeconfig
from settings.models import Settings
from settings.versions import newest_for

from .state_folder import STATE, STATE_VARIABLE

EMBEDDED = "lab"
"""Name of the embedded cluster that `make up` starts and `make down` ends."""
NO_OPERATOR: Mapping[str, Any] = MappingProxyType({"kiali": {"awaitReady": False}})
"""The overlay for an embedded cluster: no operator runs there to report Kiali as ready."""


class LabError(MeshlabError):
    """The lab cannot be brought up, changed or removed as asked; the message is one line for the person who asked."""


@dataclass(frozen=True)
class Target:
    """The cluster that the stack is for."""

    kubeconfig: Path
    """A file with one context in it, current."""
    embedded: bool
    """True for the embedded cluster, whose pods do not really run."""
    label: str
    context: str = ""
    """What the caller's kubeconfig calls it; empty for the embedded cluster."""
    kubernetes: str = ""
    """Its version, as `1.36.3`, where that is known without asking: of an embedded cluster."""
    real_node: bool = False
    """True for an embedded cluster with a node on which pods do run."""
    builds_images: bool = False
    """True where that node gets the images that are built on this machine, and none that somebody gave it."""

    @property
    def option(self) -> str:
        """` --cluster CONTEXT` for a command to type that means this cluster; nothing for the embedded one."""
        return cluster_option(self.context)

    def __post_init__(self) -> None:
        """Raise LabError where the file's path is not one to every program."""
        if os.pathsep in str(self.kubeconfig):
            raise LabError(f"{STATE_VARIABLE}: expected a folder without {os.pathsep!r}, got {self.kubeconfig.parent}")


def embedded_target(
    say: Say,
    state: Path = STATE,
    kubernetes: str | None = None,
    *,
    real_node: bool = False,
    images: Sequence[Path] = (),
) -> Target:
    """The embedded cluster, started where it does not run. Raises MeshlabError.

    `kubernetes` is the minor that it must have; without one, a cluster that runs is right, else it is the pin's.
    With `real_node`, it has a node on which pods run; `images` are archives that this node gets.
    """
    running = cluster.up(
        state, EMBEDDED, injection=True, kubernetes=kubernetes, real_node=real_node, images=images, progress=say
    )
    return target_of(running)


def target_of(running: cluster.EmbeddedCluster) -> Target:
    """An embedded cluster as a stack's target."""
    with_node = " with a real node" if running.real_node else ""
    return Target(
        running.kubeconfig,
        embedded=True,
        label=f"embedded cluster {running.name}{with_node} ({running.server})",
        kubernetes=running.kubernetes.removeprefix("v"),
        real_node=running.real_node,
        builds_images=running.real_node and not running.given_images,
    )


def minor_for(settings: Settings) -> str:
    """The minor of Kubernetes for a new embedded cluster, where nobody has named one.

    The stack's own; else the newest that can be had and all its Istios support; else, as for one out of support, the
    pin's.
    """
    if settings.cluster.kubernetes in minors.minors():
        return settings.cluster.kubernetes
    istios = [revision.version for revision in settings.istio.revisions.values()]
    return newest_for(istios, minors.minors()) or minors.pinned()


def running_embedded(state: Path = STATE) -> cluster.ClusterStatus | None:
    """The embedded cluster, if it runs."""
    return next((status for status in cluster.status(state) if status.name == EMBEDDED and status.running), None)


def cluster_option(context: str | None) -> str:
    """` --cluster CONTEXT` for a command to type; nothing without a context."""
    return f" --cluster {shlex.quote(context)}" if context else ""


def no_cluster(command: str) -> str:
    """What to say where `meshlab <command>` was given no context, and the embedded cluster does not run either."""
    return (
        "expected the embedded cluster to run, or a context of your kubeconfig, got neither "
        f"(start the one: make up; name the other: meshlab {command} --cluster CONTEXT)"
    )


def named_target(context: str, state: Path = STATE) -> Target:
    """The cluster of a context of the user's kubeconfig, copied so that nothing else can become current meanwhile.

    Every program gets this copy, and so acts as the same one. Raises AccessError.
    """
    found = kubeconfig.read(context)
    # A context may be called whatever one likes, and contexts of one name in several kubeconfigs are several.
    who = "\0".join((context, str(found.cluster["server"]), str(found.context.get("user") or "")))
    path = state / "contexts" / f"{hashlib.sha256(who.encode()).hexdigest()[:16]}.yaml"
    write_private(path, found.text())
    return Target(path, embedded=False, label=f"context {context}", context=context)
