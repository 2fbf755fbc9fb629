"""What `up` is going to roll, which a preview of resources cannot list: it depends on what runs in the cluster."""

from base.wording import counted
from kube.cluster import Cluster
from rollout.mesh_workloads import HeldBack, find_behind, find_held_back
from rollout.roll import shown
from settings.models import Settings

from . import report


def roll_plan(cluster: Cluster, settings: Settings) -> list[str]:
    """What keeps workloads of the mesh away; then which would roll, and how many at a time, unless their owners roll
    them. Raises AccessError."""
    at_once, away = settings.mesh.roll_at_once, find_held_back_namespaces(cluster, settings)
    warnings = [f"{held_back.hindrance}{_told(held_back)} ({held_back.hindrance.fix})" for held_back in away]
    if at_once is None:
        return warnings
    moving = find_behind(cluster, settings.istio.leads_to, settings.mesh.namespaces)
    if not moving:
        return [*warnings, "no workload of the mesh would roll"]
    namespaces = counted(len({workload.namespace for workload in moving}), "namespace")
    first = f"{counted(len(moving), 'workload')} of {namespaces} would roll, {at_once} at a time:"
    return [*warnings, first, *report.planned(moving)]


def find_held_back_namespaces(cluster: Cluster, settings: Settings) -> list[HeldBack]:
    """Namespaces of the stack that a label keeps from their revision. Raises AccessError."""
    return find_held_back(cluster, settings.istio.leads_to, settings.mesh.namespaces)


def _told(one: HeldBack) -> str:
    return f"; not where they belong, and not rolled: {shown(one.workloads)}" if one.workloads else ""
