"""Which workloads of the mesh are not where they belong, what keeps them away, and which proxies use what goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from kube.api_objects import Manifest, Resource, entries, mapping
from kube.sidecars import injected_by
from settings.injection import Hindrance, followed, hindrance, injected_by_rule
from settings.injection_policy import CHART_LABELS, CONFIG_MAPS, policies
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL

from .workload_status import can_restart

if TYPE_CHECKING:
    # The program plans without a client: only the process that rolls has one.
    from kube.cluster import Cluster

KINDS = (
    Resource("apps/v1", "deployments", "Deployment"),
    Resource("apps/v1", "statefulsets", "StatefulSet"),
    Resource("apps/v1", "daemonsets", "DaemonSet"),
)
ROLLOUT = "pulumi-python:dynamic/meshlab:Rollout"
"""Type of the resource that rolls them (rollout_provider)."""
NAMESPACES = Resource("v1", "namespaces", "Namespace")
PODS = Resource("v1", "pods", "Pod")

NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Workload:
    """A workload that has pods of another revision than the one it belongs to."""

    resource: Resource
    namespace: str
    name: str
    label: str
    """The tag or revision that it follows, by a label of its namespace or of its pods."""
    wanted: str
    """The revision that the label leads to."""
    found: tuple[str, ...]
    """Revisions of its pods' sidecars, sorted; empty text for pods without one."""

    @property
    def begun(self) -> bool:
        """Whether it has pods of the wanted revision beside others: it is on its way, or was when a run was killed."""
        return self.wanted in self.found

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class HeldBack:
    """Workloads of a namespace that a label of it keeps from the revision that the stack has for them."""

    hindrance: Hindrance
    workloads: tuple[str, ...]
    """Those that are there and not where they belong, as `namespace/name`, sorted."""


def find_behind(cluster: Cluster, leads_to: Mapping[str, str], labels: Mapping[str, str] = NO_LABELS) -> list[Workload]:
    """The workloads that must roll, by namespace and name; those that a cut-off run has begun come first.

    `leads_to` has the revision by label, `labels` the labels by namespace that are to be, over those that are. What a
    roll would not bring where it belongs is left out: see `find_held_back`. Raises AccessError.
    """
    namespaces = _namespaces(cluster, labels)
    hindered = {hindrance.namespace for hindrance in _hindrances(namespaces, leads_to, labels)}
    spaces = {name: one for name, one in namespaces.items() if name not in hindered}
    found = list(_behind(cluster, spaces, leads_to))
    return sorted(found, key=lambda one: (not one.begun, one.namespace, one.name, one.resource.kind))


def find_held_back(cluster: Cluster, leads_to: Mapping[str, str], labels: Mapping[str, str]) -> list[HeldBack]:
    """What keeps namespaces of the stack from their revision, by namespace. Raises AccessError."""
    namespaces = _namespaces(cluster, labels)
    hindrances = list(_hindrances(namespaces, leads_to, labels))
    if not hindrances:
        return []
    # As if no label stood in the way.
    free = {
        hindrance.namespace: _labelled(hindrance.namespace, {REVISION_LABEL: hindrance.asked})
        for hindrance in hindrances
    }
    waiting = list(_behind(cluster, free, leads_to))
    return [
        HeldBack(hindrance, tuple(sorted(str(each) for each in waiting if each.namespace == hindrance.namespace)))
        for hindrance in sorted(hindrances, key=lambda hindrance: hindrance.namespace)
    ]


def is_still_behind(cluster: Cluster, workload: Workload) -> bool:
    """Whether a workload that was behind is so still, or again. Raises AccessError."""
    now = _sidecars(cluster, workload.namespace).get((workload.resource.kind, workload.name), set())
    return bool(now - {workload.wanted})


def find_stranded(cluster: Cluster, leaving: Iterable[str]) -> dict[str, list[str]]:
    """`namespace/pod` of the live proxies of revisions that are about to go, by revision. Raises AccessError."""
    gone, found = set(leaving), dict[str, list[str]]()
    for pod in cluster.list(PODS) if gone else ():
        if is_alive(pod) and (revision := injected_by(pod)) in gone:
            found.setdefault(revision, []).append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")
    return found


def _namespaces(cluster: Cluster, labels: Mapping[str, str]) -> dict[str, Manifest]:
    """Namespaces by name, with the labels that are to be."""
    found: dict[str, Manifest] = {}
    for namespace in cluster.list(NAMESPACES):
        name = str(namespace["metadata"]["name"])
        own = {REVISION_LABEL: labels[name]} if name in labels else {}
        found[name] = _labelled(name, {**mapping(namespace["metadata"].get("labels")), **own})
    return found


def _labelled(name: str, labels: Mapping[str, str]) -> Manifest:
    return {"metadata": {"name": name, "labels": dict(labels)}}


def _hindrances(
    namespaces: Mapping[str, Manifest], leads_to: Mapping[str, str], labels: Mapping[str, str]
) -> Iterator[Hindrance]:
    for name, asked in labels.items():
        if name in namespaces and (found := hindrance(namespaces[name], asked, leads_to)) is not None:
            yield found


def _behind(cluster: Cluster, namespaces: Mapping[str, Manifest], leads_to: Mapping[str, str]) -> Iterator[Workload]:
    rules = policies(cluster.list(CONFIG_MAPS, ISTIO_NAMESPACE, CHART_LABELS))
    meshed: dict[str, list[tuple[Resource, Manifest, str]]] = {}
    for resource in KINDS:
        for manifest in cluster.list(resource):
            name = str(manifest["metadata"]["namespace"])
            template = mapping(manifest["spec"]["template"])
            if name not in namespaces or not injected_by_rule(namespaces[name], template, leads_to, rules):
                continue
            if can_restart(manifest):
                meshed.setdefault(name, []).append((resource, manifest, followed(namespaces[name], template)))
    for namespace, workloads in meshed.items():
        sidecars = _sidecars(cluster, namespace)
        for resource, manifest, label in workloads:
            name, wanted = str(manifest["metadata"]["name"]), leads_to[label]
            found = sidecars.get((resource.kind, name), set())
            if found - {wanted}:
                yield Workload(resource, namespace, name, label, wanted, tuple(sorted(found)))


def _sidecars(cluster: Cluster, namespace: str) -> dict[tuple[str, str], set[str]]:
    """Revisions of the live pods' sidecars by kind and name of their workload; empty text for pods without one."""
    found: dict[tuple[str, str], set[str]] = {}
    for pod in cluster.list(PODS, namespace):
        if is_alive(pod):
            found.setdefault(_owner(pod), set()).add(injected_by(pod))
    return found


def is_alive(pod: Manifest) -> bool:
    """Whether a pod runs or is about to: it has not ended and is not going."""
    ended = mapping(pod.get("status")).get("phase") in ("Succeeded", "Failed")
    return not ended and not pod["metadata"].get("deletionTimestamp")


def _owner(pod: Manifest) -> tuple[str, str]:
    """Kind and name of the workload that a pod is of; empty for one of its own."""
    metadata = mapping(pod["metadata"])
    for owner in entries(metadata.get("ownerReferences")):
        if not owner.get("controller"):
            continue
        if owner["kind"] == "ReplicaSet":
            # A Deployment calls its ReplicaSets after itself and the hash that it also puts on their pods.
            pod_hash = mapping(metadata.get("labels")).get("pod-template-hash", "")
            return "Deployment", str(owner["name"]).removesuffix(f"-{pod_hash}")
        return str(owner["kind"]), str(owner["name"])
    return "", ""
