"""Which workloads of the mesh are not where their namespace leads to, and which proxies use what is to go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from .api_objects import Manifest, Resource, entries, mapping
from .names import INJECTION_LABEL, REVISION_LABEL
from .sidecars import injected_by
from .workload_status import restartable

KINDS = (
    Resource("apps/v1", "deployments", "Deployment"),
    Resource("apps/v1", "statefulsets", "StatefulSet"),
    Resource("apps/v1", "daemonsets", "DaemonSet"),
)
ROLLOUT = "pulumi-python:dynamic/meshlab:Rollout"
"""Type of the resource that rolls them (rollout_provider)."""
NAMESPACES = Resource("v1", "namespaces", "Namespace")
PODS = Resource("v1", "pods", "Pod")


class Cluster(Protocol):
    """What looking asks of a cluster. Everything raises AccessError."""

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """The objects of a kind."""
        ...


@dataclass(frozen=True)
class Workload:
    """A workload that has pods of another revision than the one it belongs to."""

    resource: Resource
    namespace: str
    name: str
    label: str
    """The tag or revision that its namespace is labelled with."""
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


def behind(
    cluster: Cluster, leads_to: Mapping[str, str], labels: Mapping[str, str] = MappingProxyType({})
) -> list[Workload]:
    """The workloads that must roll, by namespace and name; those that a cut-off run has begun come first.

    `leads_to` has the revision by label, `labels` the labels by namespace that are to be, over those that are.
    Raises AccessError.
    """
    found: list[Workload] = []
    for namespace in cluster.list(NAMESPACES):
        name = str(namespace["metadata"]["name"])
        label = labels.get(name) or mapping(namespace["metadata"].get("labels")).get(REVISION_LABEL, "")
        if label in leads_to:
            found += _behind_in(cluster, name, label, leads_to[label])
    return sorted(found, key=lambda one: (not one.begun, one.namespace, one.name, one.resource.kind))


def still_behind(cluster: Cluster, workload: Workload) -> bool:
    """Whether a workload that was behind is so still, or again. Raises AccessError."""
    now = _behind_in(cluster, workload.namespace, workload.label, workload.wanted)
    return (workload.resource, workload.name) in {(one.resource, one.name) for one in now}


def stranded(cluster: Cluster, leaving: Iterable[str]) -> dict[str, list[str]]:
    """`namespace/pod` of the live proxies of revisions that are about to go, by revision. Raises AccessError."""
    gone, found = set(leaving), dict[str, list[str]]()
    for pod in cluster.list(PODS) if gone else ():
        if lives(pod) and (revision := injected_by(pod)) in gone:
            found.setdefault(revision, []).append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")
    return found


def _behind_in(cluster: Cluster, namespace: str, label: str, wanted: str) -> Iterable[Workload]:
    sidecars: dict[tuple[str, str], set[str]] = {}
    for pod in cluster.list(PODS, namespace):
        if lives(pod):
            sidecars.setdefault(_owner(pod), set()).add(injected_by(pod))
    for resource in KINDS:
        for one in cluster.list(resource, namespace):
            name = one["metadata"]["name"]
            found = sidecars.get((resource.kind, name), set())
            if found - {wanted} and _wants_sidecar(one) and restartable(one):
                yield Workload(resource, namespace, name, label, wanted, tuple(sorted(found)))


def _wants_sidecar(workload: Manifest) -> bool:
    """Whether an injector would put one into the workload's pods: they do not say no, nor use the node's network."""
    template = mapping(workload["spec"]["template"])
    metadata = mapping(template.get("metadata"))
    said = {mapping(metadata.get(field)).get(INJECTION_LABEL) for field in ("labels", "annotations")}
    return "false" not in said and not template["spec"].get("hostNetwork")


def lives(pod: Manifest) -> bool:
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
