"""A stack that names its cluster works on no other one, whatever context somebody has given."""

from base.say import Say
from kube.api_objects import AccessError
from kube.cluster import Cluster
from settings.models import Settings

from ..target import LabError, Target
from .cluster import cluster, reach
from .finding import Level


def refuse_another(settings: Settings, target: Target, say: Say) -> None:
    """Raise LabError where the stack names another cluster than `target`, or where that does not say who it is."""
    if settings.cluster.cluster_uid is None:
        return
    try:
        reached = reach(Cluster(target.kubeconfig))
    except AccessError as error:
        raise LabError(f"{target.label}: {error}") from None
    for finding in cluster(settings, target.label, reached):
        if finding.level is Level.PROBLEM:
            raise LabError(f"{finding.text}; nothing was changed", f"{finding.fix}")
