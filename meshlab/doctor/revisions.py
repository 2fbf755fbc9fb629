"""Whether a control plane would go that live proxies still use."""

from collections.abc import Iterator

from kube.cluster import Cluster
from settings.models import Settings

from ..mesh.leaving import warn_of_use
from ..preflight.finding import Finding, Level


def revisions(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """A problem for each such revision; nothing where none would go, which is nearly always."""
    for line in warn_of_use(cluster, settings):
        fix = "move its namespaces and tags first, bring the stack up, and take the revision out of it after"
        yield Finding("revisions", Level.PROBLEM, line, fix)
