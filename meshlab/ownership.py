"""Whose the namespaces and CRDs are that a stack is about to use: two stacks never share them by accident.

One cluster has one stack: Istio's charts want the namespace istio-system and names of the whole cluster.
"""

from collections.abc import Mapping
from typing import Any, cast

from components.names import OWNER_ANNOTATION

from .drift.api import LiveCluster
from .drift.copies import helm_owner
from .engine import EngineDriver
from .lab import PROJECT
from .rendering.releases import RELEASE
from .session import Session
from .verify.access import Resource
from .verify.objects import NAMESPACES, annotations_of, name_of

NAMESPACE = "kubernetes:core/v1:Namespace"
CRDS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition")
GROUPS = ("monitoring.coreos.com", "istio.io", "kiali.io")
"""API groups, with those below them, whose CRDs a stack brings."""


class OwnershipError(Exception):
    """Something that the stack needs is somebody else's; the message is one line."""


def refuse_strangers(session: Session, stack: str) -> None:
    """Raise OwnershipError where a namespace or a CRD of the stack is there and not its own."""
    cluster = LiveCluster(session.target.kubeconfig)
    resources = session.driver.recording.resources
    me = f"{PROJECT}/{stack}"
    wanted = [str(one.inputs["metadata"]["name"]) for one in resources if one.type == NAMESPACE]
    live = {name_of(one): one for one in cluster.list(NAMESPACES)}
    strange = [name for name in wanted if name in live]
    if strange:
        known = state_namespaces(session.driver)
        for name in (name for name in strange if name not in known):
            owner = annotations_of(live[name]).get(OWNER_ANNOTATION)
            # A provider before 4.29 would take over what is there, and destroy would take it away.
            raise OwnershipError(
                f"namespace {name}: is there already and belongs to {me} by a state that is not here; nothing is taken "
                "over (work with the state that knows it, or remove the stack from where it was brought up)"
                if owner == me
                else f"namespace {name}: is there already and belongs to "
                f"{f'stack {owner}' if owner else 'somebody else'}, not to {me}; nothing is taken over "
                "(one cluster has one stack: use another cluster, or remove the other one first)"
            )
    releases = {(str(one.inputs["namespace"]), str(one.inputs["name"])) for one in resources if one.type == RELEASE}
    for crd in cluster.list(CRDS):
        owner = helm_owner(crd)
        if str(crd["spec"]["group"]).endswith(GROUPS) and any(owner) and owner not in releases:
            raise OwnershipError(
                f"CRD {name_of(crd)}: belongs to the helm release {'/'.join(owner)}, which is not of {me}; nothing is "
                "taken over (uninstall that release, or give its CRDs to this stack: docs/removing.md)"
            )


def state_namespaces(driver: EngineDriver) -> set[str]:
    """The namespaces that the engine's state says it has made; none where it has no state of the stack."""
    deployment = cast(Mapping[str, Any], driver.stack.export_stack().deployment or {})
    resources = cast(list[Mapping[str, Any]], deployment.get("resources") or [])
    pending = cast(list[Mapping[str, Any]], deployment.get("pending_operations") or [])
    found = [*resources, *(one["resource"] for one in pending)]
    return {str(one["inputs"]["metadata"]["name"]) for one in found if one["type"] == NAMESPACE}
