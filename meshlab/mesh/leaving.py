"""Revisions that a stack no longer has and that live proxies still use: a control plane does not go under them."""

from base.wording import counted
from kube.cluster import Cluster
from kube.objects import DEPLOYMENTS, labels_of
from rollout.mesh_workloads import find_stranded
from rollout.roll import shown, still_used
from settings.models import Settings
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL

from ..target import LabError


def leaving(cluster: Cluster, settings: Settings) -> list[str]:
    """The revisions that run in the cluster and that the stack no longer has, sorted. Raises AccessError."""
    running = {
        labels_of(deployment).get(REVISION_LABEL, "")
        for deployment in cluster.list(DEPLOYMENTS, ISTIO_NAMESPACE, {"app": "istiod"})
    }
    return sorted(running - set(settings.istio.revisions) - {""})


def warn_of_use(cluster: Cluster, settings: Settings) -> list[str]:
    """One line for each revision that would go and has live proxies. Raises AccessError."""
    proxies = find_stranded(cluster, leaving(cluster, settings))
    return [still_used(revision, pods) for revision, pods in sorted(proxies.items())]


def refuse_stranding(cluster: Cluster, settings: Settings) -> None:
    """Raise LabError where a revision would go that live proxies still use."""
    lines = warn_of_use(cluster, settings)
    if lines:
        raise LabError("\n".join(lines))


def orphaned(cluster: Cluster, settings: Settings) -> list[str]:
    """One line for each revision of a stack that has been removed and left sidecars behind. Raises AccessError."""
    return [
        f"{counted(len(pods), 'pod')} of other owners with a sidecar of revision {revision}, whose istiod is gone: "
        f"{shown(pods)}; to remove it: kubectl rollout restart of their workloads"
        for revision, pods in sorted(find_stranded(cluster, settings.istio.revisions).items())
    ]
