"""Whether the cluster answers, which one it is, and whether its Kubernetes is one that the stack's Istio supports."""

from collections.abc import Iterator
from dataclasses import dataclass

from kube.cluster import Cluster
from kube.objects import uid_of
from settings.models import Settings
from settings.versions import ISTIO_KUBERNETES, istios_for, minor, supports

from .finding import Finding, Level


@dataclass(frozen=True)
class Reached:
    """A cluster that has answered."""

    server: str
    uid: str
    """UID of namespace kube-system: no other cluster has the same."""
    version: str
    """`v1.34.4`."""

    @property
    def kubernetes(self) -> str:
        """The version as charts take it, without a provider's own addition."""
        return self.version.removeprefix("v").partition("+")[0].partition("-")[0]


def reach(cluster: Cluster) -> Reached:
    """Ask a cluster which one it is. Raises AccessError."""
    return Reached(cluster.server, uid_of(cluster), cluster.version())


def cluster(settings: Settings, label: str, reached: Reached) -> Iterator[Finding]:
    """Which cluster it is. A stack that names one does not work on another."""
    wanted, is_it = settings.cluster.cluster_uid, f"{label}, {reached.server}, UID {reached.uid}"
    if wanted is not None and wanted != reached.uid:
        yield Finding(
            "cluster",
            Level.PROBLEM,
            f"{is_it}; the stack is for the cluster with the UID {wanted} only (cluster.clusterUid)",
            "name that cluster's context: --cluster CONTEXT",
        )
    else:
        yield Finding("cluster", Level.OK, is_it)


def kubernetes(settings: Settings, reached: Reached) -> Iterator[Finding]:
    """Whether Istio supports the cluster's version, as its project says. It installs on others all the same.

    How bad that is follows what the stack says of rules in general: told in a lab, a stop where they are mandatory.
    """
    live = minor(reached.version)
    expected = settings.cluster.kubernetes
    if expected is not None and expected != live:
        yield Finding(
            "kubernetes",
            Level.PROBLEM,
            f"{reached.version}; the stack expects {expected} (cluster.kubernetes)",
            f"set cluster.kubernetes to {live} and see which Istio fits, or name the right cluster",
        )
    level = Level.PROBLEM if settings.policy.enforcement == "mandatory" else Level.WARNING
    wrong = False
    for name, revision in settings.istio.revisions.items():
        if supports(revision.version, live):
            continue
        wrong = True
        bounds = ISTIO_KUBERNETES.get(minor(revision.version))
        if bounds is None:
            yield Finding(
                "kubernetes",
                Level.WARNING,
                f"{reached.version}; nothing is known of Istio {revision.version} (revision {name})",
                "add its line to ISTIO_KUBERNETES in settings/versions.py",
            )
            continue
        fitting = ", ".join(istios_for(live)) or "none that settings/versions.py knows"
        yield Finding(
            "kubernetes",
            level,
            f"{reached.version}; Istio {revision.version} (revision {name}) supports {bounds[0]} to {bounds[1]}",
            f"for Kubernetes {live}: Istio {fitting}",
        )
    if not wrong and expected in (None, live):
        versions = ", ".join(revision.version for revision in settings.istio.revisions.values())
        yield Finding("kubernetes", Level.OK, f"{reached.version}, supported by Istio {versions}")
