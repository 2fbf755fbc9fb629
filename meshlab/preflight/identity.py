"""A stack that names its cluster works on no other one, whatever context somebody has given."""

from embedded.tools import toolchain
from settings.models import Settings

from ..lab import LabError, Say, Target
from .api import Api, UnreachableError
from .cluster import cluster
from .finding import Level


def refuse_another(settings: Settings, target: Target, say: Say) -> None:
    """Raise LabError where the stack names another cluster than `target`, or where that does not say who it is."""
    if settings.cluster.cluster_uid is None:
        return
    try:
        reached = Api(toolchain.ensure(["kubectl"], say)["kubectl"], target.kubeconfig).reach()
    except UnreachableError as error:
        raise LabError(f"{target.label} does not answer: {error}") from None
    for finding in cluster(settings, target.label, reached):
        if finding.level is Level.PROBLEM:
            raise LabError(f"{finding.text}; nothing was changed ({finding.fix})")
