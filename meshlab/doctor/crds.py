"""CRDs that the plan's releases bring and that somebody else has already: helm refuses those, and says little."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from kube.cluster import Cluster
from kube.helm_marks import HELM_NAME, HELM_NAMESPACE
from kube.objects import CRDS, name_of

from ..preflight.finding import Finding, Level
from .plan import OPERATOR_VERSION, Demands, PlannedCrd

MANAGED_BY = "app.kubernetes.io/managed-by"
SHOWN = 3

Owner = tuple[str, str]
"""Namespace and name of a release; both empty where helm knows of none."""


def crds(cluster: Cluster, plan: Demands, *, downgrade_allowed: bool = False) -> Iterator[Finding]:
    """Whose the CRDs are, and whether one is newer than what the plan has: a warning where the stack allows that."""
    wanted = {crd.name for crd in plan.crds}
    # One request for all: one for each takes seconds.
    there = {name_of(crd): crd["metadata"] for crd in (cluster.metadata(CRDS) if wanted else ())}
    live = {name: metadata for name, metadata in there.items() if name in wanted}
    foreign: dict[tuple[Owner, Owner], list[str]] = {}
    newer: dict[Owner, list[str]] = {}
    for crd in plan.crds:
        if crd.name not in live:
            continue
        ours, owner = (crd.namespace, crd.release), _owner(live[crd.name])
        if owner != ours:
            foreign.setdefault((owner, ours), []).append(crd.name)
        if _older(crd, live[crd.name]):
            newer.setdefault(ours, []).append(crd.name)
    for (owner, ours), names in foreign.items():
        yield _foreign(owner, ours, names)
    for (namespace, name), names in newer.items():
        yield Finding(
            "crds",
            Level.WARNING if downgrade_allowed else Level.PROBLEM,
            f"{_some(names)} in the cluster belong to a newer operator than release {namespace}/{name} would bring",
            "take the newer version into the stack: an older CRD drops fields, and objects that use them "
            "(to have it all the same: monitoring.allowCrdDowngrade)",
        )
    if not foreign and not newer:
        yield Finding(
            "crds", Level.OK, f"{len(live)} of {len(plan.crds)} there, all as this stack's releases have them"
        )


def _foreign(owner: Owner, ours: Owner, names: list[str]) -> Finding:
    crd_list = " ".join(names)
    namespace, name = ours
    hand_over = "\n".join(
        [
            f"kubectl label crd {crd_list} {MANAGED_BY}=Helm --overwrite",
            f"kubectl annotate crd {crd_list} {HELM_NAME}={name} {HELM_NAMESPACE}={namespace} --overwrite",
        ]
    )
    if not any(owner):
        text = f"{_some(names)} belong to no helm release, so {namespace}/{name} may not have them"
        return Finding("crds", Level.PROBLEM, text, f"hand them over; no object of theirs is touched:\n{hand_over}")
    text = f"{_some(names)} belong to release {owner[0]}/{owner[1]}, so {namespace}/{name} may not have them"
    fix = f"if no one uses that release any more, hand them over; else use another cluster:\n{hand_over}"
    return Finding("crds", Level.PROBLEM, text, fix)


def _owner(metadata: Mapping[str, Any]) -> Owner:
    annotations = _texts(metadata, "annotations")
    if _texts(metadata, "labels").get(MANAGED_BY) != "Helm":
        return "", ""
    return annotations.get(HELM_NAMESPACE, ""), annotations.get(HELM_NAME, "")


def _older(planned: PlannedCrd, live: Mapping[str, Any]) -> bool:
    there = _texts(live, "annotations").get(OPERATOR_VERSION, "")
    if not there:
        return False
    # Operators before 0.66 did not write their version down.
    return not planned.operator or _numbers(planned.operator) < _numbers(there)


def _texts(metadata: Mapping[str, Any], field: str) -> Mapping[str, str]:
    return cast(Mapping[str, str], metadata.get(field) or {})


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split("-")[0].split(".")]


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} other CRDs" if len(names) > SHOWN else "")
