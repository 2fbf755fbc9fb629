"""What a cluster says of its control planes and of the proxies that they look after."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from components.revision_tags import TAG_LABEL
from kube.api_objects import Manifest, Resource, mapping
from kube.cluster import Cluster
from kube.objects import DEPLOYMENTS, INJECTORS, labels_of, name_of
from kube.sidecars import image_tag, injected_by, proxy_version
from rollout.mesh_workloads import PODS, Workload, find_behind, is_alive
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL

SERVICES = Resource("v1", "services", "Service")
ALIAS = "istiod"


@dataclass(frozen=True)
class ControlPlane:
    """One revision, as it runs."""

    revision: str
    version: str
    """Istio's, by the image of its istiod; empty where no istiod of it is there."""
    ready: int
    wanted: int
    """How many istiod pods are ready, and how many there should be."""
    tags: tuple[str, ...]
    default: bool
    """Whether the Service `istiod` leads to it."""
    proxies: Mapping[str, int]
    """Live proxies by their version."""


@dataclass(frozen=True)
class MeshStatus:
    """All control planes by revision, and the workloads that are not where their namespace leads to."""

    control_planes: tuple[ControlPlane, ...]
    behind: tuple[Workload, ...]

    @property
    def orphans(self) -> tuple[ControlPlane, ...]:
        """Revisions that proxies use and no istiod is there for: those get no more configuration."""
        return tuple(
            control_plane for control_plane in self.control_planes if not control_plane.wanted and control_plane.proxies
        )


def look(cluster: Cluster) -> MeshStatus:
    """The status of the mesh. Raises AccessError."""
    istiods = {
        labels_of(deployment).get(REVISION_LABEL, ""): deployment
        for deployment in cluster.list(DEPLOYMENTS, ISTIO_NAMESPACE, {"app": "istiod"})
    }
    tags = {
        labels_of(injector)[TAG_LABEL]: labels_of(injector).get(REVISION_LABEL, "")
        for injector in cluster.list(INJECTORS)
        if TAG_LABEL in labels_of(injector)
    }
    proxies: dict[str, Counter[str]] = {revision: Counter() for revision in istiods}
    for pod in cluster.list(PODS):
        if is_alive(pod) and (revision := injected_by(pod)):
            proxies.setdefault(revision, Counter())[proxy_version(pod) or "unknown"] += 1
    default = _default(cluster)
    return MeshStatus(
        tuple(
            ControlPlane(
                revision,
                _version(istiods.get(revision)),
                _count(istiods.get(revision), "status", "readyReplicas"),
                _count(istiods.get(revision), "spec", "replicas"),
                tuple(sorted(tag for tag, leads_to in tags.items() if leads_to == revision)),
                revision == default,
                dict(sorted(count.items())),
            )
            for revision, count in sorted(proxies.items())
        ),
        tuple(find_behind(cluster, {**{revision: revision for revision in istiods}, **tags})),
    )


def _version(istiod: Manifest | None) -> str:
    return "" if istiod is None else image_tag(str(istiod["spec"]["template"]["spec"]["containers"][0]["image"]))


def _default(cluster: Cluster) -> str:
    for service in cluster.list(SERVICES, ISTIO_NAMESPACE):
        if name_of(service) == ALIAS:
            return str(mapping(service["spec"].get("selector")).get(REVISION_LABEL, ""))
    return ""


def _count(istiod: Manifest | None, part: str, field: str) -> int:
    return int(mapping(istiod[part]).get(field) or 0) if istiod is not None else 0
