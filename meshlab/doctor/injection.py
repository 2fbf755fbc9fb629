"""Whether a label keeps namespaces of the mesh from the sidecars that the stack has for them."""

from collections.abc import Iterator

from kube.cluster import Cluster
from settings.models import Settings

from ..mesh.plan import find_held_back_namespaces
from ..preflight.finding import Finding, Level


def injection(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """One finding for each such namespace: a problem where `up` rolls workloads, and would say that it cannot."""
    level = Level.WARNING if settings.mesh.roll_at_once is None else Level.PROBLEM
    for namespace in find_held_back_namespaces(cluster, settings):
        yield Finding("injection", level, str(namespace.hindrance), namespace.hindrance.fix)
