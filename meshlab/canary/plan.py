"""What `up` is going to roll, which a preview of resources cannot list: it depends on what runs in the cluster."""

from components.mesh_workloads import Cluster, behind
from components.settings import Settings

from . import report


def roll_plan(cluster: Cluster, settings: Settings) -> list[str]:
    """Which workloads would roll, and how many at a time; nothing where owners roll theirs. Raises AccessError."""
    at_once = settings.mesh.roll_at_once
    if at_once is None:
        return []
    moving = behind(cluster, settings.istio.leads_to, settings.mesh.namespaces)
    if not moving:
        return ["no workload of the mesh would roll"]
    namespaces = {one.namespace for one in moving}
    first = f"{len(moving)} workloads of {len(namespaces)} namespaces would roll, {at_once} at a time:"
    return [first, *report.planned(moving)]
