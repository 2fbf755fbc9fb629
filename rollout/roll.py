"""Rolling the workloads of meshed namespaces to the revision that their namespace leads to: which, in which order.

A label or a tag that moves changes no running pod. What rolls here is what owners of namespaces have deployed; the
program's own workloads carry their revision and roll by themselves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from base.errors import MeshlabError
from kube.api_objects import Manifest, MissingError
from settings.names import REVISION_LABEL

from .mark import restart, was_restarted
from .mesh_workloads import HeldBack, Workload, find_behind, find_held_back, find_stranded, is_still_behind
from .workload_status import failure, is_done

if TYPE_CHECKING:
    from kube.cluster import Cluster

MANAGER = "meshlab"
POLL_SECONDS = 0.5
SHOWN = 5


@dataclass(frozen=True)
class RollPlan:
    """What is to be where."""

    leads_to: Mapping[str, str]
    """Revision by the label that namespaces carry: each tag, and each revision itself."""
    at_once: int
    timeout_seconds: float
    """How long one workload may take."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Revision or tag by namespace, of those that the stack labels."""


@dataclass(frozen=True)
class Rolled:
    """What came of it."""

    count: int
    """How many workloads have rolled."""
    left: tuple[str, ...]
    """Workloads that were stuck before, with the reason: nobody is helped by rolling them, nor by waiting for them."""


def roll(cluster: Cluster, plan: RollPlan, sleep: Callable[[float], None] = time.sleep) -> Rolled:
    """Roll what is behind, no more than `plan.at_once` workloads at a time.

    What rolls already is awaited, and only rolled again if that did not move it; what was stuck before is left to its
    owner. A workload that does not come up stops what has not begun; a later run goes on from there. One that a roll
    did not bring where it belongs, of this run or an earlier one, is not rolled again, and neither is one of which that
    is known before. Raises MeshlabError, and AccessError.
    """
    todo = deque(find_behind(cluster, plan.leads_to, plan.labels))
    began, left = list(todo), list[str]()
    deadlines, restarted = dict[Workload, float](), set[Workload]()
    while todo or deadlines:
        for workload, deadline in list(deadlines.items()):
            now = _read(cluster, workload)
            if now is None or is_done(workload.resource.kind, now):
                if now is None or workload in restarted or not is_still_behind(cluster, workload):
                    del deadlines[workload]
                else:
                    _restart(cluster, workload, now)
                    restarted.add(workload)
            elif reason := failure(now) or _late(deadline, plan.timeout_seconds):
                raise MeshlabError(
                    f"{workload}: not ready with revision {workload.wanted}: {reason}; {len(todo)} of {len(began)} "
                    "workloads were left as they were",
                    "fix it, or move the tag back; the next `pulumi up` goes on from here",
                )
        while todo and len(deadlines) < plan.at_once:
            workload = todo.popleft()
            now = _read(cluster, workload)
            if now is None:
                continue
            if reason := failure(now):
                left.append(f"{workload}: {reason}")
                continue
            if is_done(workload.resource.kind, now):
                _restart(cluster, workload, now)
                restarted.add(workload)
            deadlines[workload] = time.monotonic() + plan.timeout_seconds
        if deadlines:
            sleep(POLL_SECONDS)
    _hold_to_plan(
        restarted, find_behind(cluster, plan.leads_to, plan.labels), find_held_back(cluster, plan.leads_to, plan.labels)
    )
    return Rolled(len(began) - len(left), tuple(left))


def follow(cluster: Cluster, before: Mapping[str, Any], now: Mapping[str, Any]) -> Rolled:
    """Roll by the resource's inputs, as they were and as they are to be.

    Raises MeshlabError where workloads do not come up, or have proxies of a revision that is about to go.
    """
    plan = RollPlan(now["leadsTo"], int(now["atOnce"]), float(now["timeoutSeconds"]), now["namespaces"])
    rolled = roll(cluster, plan)
    leaving = set(before.get("installed", ())) - set(now["installed"])
    for revision, pods in sorted(find_stranded(cluster, leaving).items()):
        raise MeshlabError(still_used(revision, pods))
    return rolled


def still_used(revision: str, pods: Sequence[str]) -> str:
    """Why a revision may not go, in one line."""
    return (
        f"revision {revision} is no more in the stack, and {len(pods)} proxies still use it: {shown(pods)}; it was not "
        "removed (move them first: meshlab canary --status says where they belong; or take the revision back)"
    )


def shown(names: Iterable[str]) -> str:
    """The first of some names, and how many there are beside them."""
    listed = sorted(names)
    return ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")


def _read(cluster: Cluster, workload: Workload) -> Manifest | None:
    """The workload as it is now; None where its owner has removed it meanwhile."""
    try:
        return cluster.get(workload.resource, workload.name, workload.namespace)
    except MissingError:
        return None


def _restart(cluster: Cluster, workload: Workload, now: Manifest) -> None:
    """Roll a workload; one of a restart for the same revision already stays as it is."""
    if not was_restarted(now, workload.wanted):
        patch = restart(now, workload.wanted)
        cluster.merge_patch(workload.resource, workload.name, workload.namespace, patch, MANAGER)


def _late(deadline: float, limit: float) -> str:
    return f"still rolling after {limit:g} s" if time.monotonic() > deadline else ""


def _hold_to_plan(rolled: Iterable[Workload], still: Sequence[Workload], kept_away: Sequence[HeldBack]) -> None:
    """Raise MeshlabError for each workload that a roll has not brought, or would not bring, where it belongs."""
    tried = {(workload.resource.kind, str(workload)) for workload in rolled}
    wrong = [workload for workload in still if (workload.resource.kind, str(workload)) in tried]
    lines = [
        f"{shown(held_back.workloads)}: not rolled, since that would not bring revision {held_back.hindrance.wanted}: "
        f"{held_back.hindrance} ({held_back.hindrance.fix})"
        for held_back in kept_away
        if held_back.workloads
    ]
    lines += [
        f"{workload}: rolled, and not with revision {workload.wanted} of label {REVISION_LABEL}={workload.label} "
        f"(found: {', '.join(revision or 'no sidecar' for revision in workload.found)}); "
        "it is not rolled again: look for what "
        f"keeps the injector away or comes before it (kubectl get mutatingwebhookconfigurations), then "
        f"kubectl rollout restart {workload.resource.plural}/{workload.name} -n {workload.namespace}"
        for workload in wrong[:SHOWN]
    ]
    if len(wrong) > SHOWN:
        lines.append(f"and {len(wrong) - SHOWN} more workloads")
    if lines:
        raise MeshlabError("\n".join(lines))
