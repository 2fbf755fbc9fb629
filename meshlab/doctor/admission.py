"""What the API server would refuse of the plan: each object is applied with dryRun=All, which changes nothing.

So quotas, limit ranges, Pod Security, admission policies and webhooks all say what they have to say before `up` begins.
A workload is let in even where none of its pods would be, so a pod of each is tried as well.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from base.wording import counted
from kube.api_objects import MissingError, RefusedError, mapping
from kube.cluster import Cluster
from kube.discovery import WORKERS, Kind, Kinds
from kube.objects import NAMESPACES, PODS, name_of

from ..comparison.live import comparable
from ..preflight.finding import Finding, Level
from .plan import Demands, PlannedObject

SUBJECT = "admission"
SHOWN = 5
PLACEHOLDER = base64.b64encode(b"not shown to a dry run").decode()
NO_RIGHT = '" cannot '
"""What the API server says where the account lacks a right: the row `rights` has those."""
NO_ANSWER = "failed calling webhook"
DENIED = "denied"
LABELS = (
    "give them what is asked for with cluster.namespaceLabels and cluster.namespaceAnnotations, or have their owner "
    "make them and name them in cluster.adoptNamespaces"
)
OTHERWISE = "see to it in the cluster, or change the stack until this row is gone: `up` would stop there half-way"
WEBHOOK = "if `up` does not bring that webhook's pods back by itself, it stops there"


@dataclass(frozen=True)
class Attempt:
    """One thing that is tried."""

    label: str
    kind: Kind
    manifest: Mapping[str, Any]
    planned: PlannedObject
    planned_kind: Kind
    pod: bool = False
    """Whether it is a pod of the planned workload, and not the planned object."""


def admission(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    """One finding for each reason to refuse, with the objects that it holds for. Raises AccessError."""
    kinds = cluster.kinds()
    there = {name_of(namespace) for namespace in cluster.list(NAMESPACES)}
    attempts = [attempt for object_ in plan.objects for attempt in _attempts(object_, kinds, there)]
    asked = {id(attempt.planned) for attempt in attempts}
    absent = sorted(
        {object_.namespace for object_ in plan.objects if object_.namespace and object_.namespace not in there}
    )
    with ThreadPoolExecutor(WORKERS) as pool:
        started = [pool.submit(_refusal, cluster, attempt) for attempt in attempts]
        refusals = [future.result() for future in started]
    reasons: dict[tuple[Level, str], list[tuple[Attempt, str]]] = {}
    for attempt, refusal in zip(attempts, refusals, strict=True):
        if refusal is not None:
            level, words = refusal
            key = level, words.replace(f'"{name_of(attempt.manifest)}"', "")
            reasons.setdefault(key, []).append((attempt, words))
    for (level, _), refused in reasons.items():
        yield _finding(level, refused)
    if not reasons:
        pods = sum(attempt.pod for attempt in attempts)
        later = len(plan.objects) - len(asked)
        rest = f"; {later} could not be asked for, since their namespace or kind is not there yet" if later else ""
        rest += f" ({', '.join(absent)})" if absent else ""
        yield Finding(
            SUBJECT,
            Level.OK,
            f"{counted(len(attempts) - pods, 'object')} and {counted(pods, 'pod')} would be let in{rest}",
        )


def _attempts(one: PlannedObject, kinds: Kinds, there: set[str]) -> Iterator[Attempt]:
    """What can be asked of the API server as it is now: in a namespace that is there, of a kind that it knows."""
    kind = kinds.of(str(one.manifest["apiVersion"]), str(one.manifest["kind"]))
    if kind is None or (one.namespace and one.namespace not in there):
        return
    yield Attempt(one.label, kind, askable(one.manifest), one, kind)
    pod = pod_of(one.manifest)
    pods = kinds.of(PODS.api, PODS.kind)
    if pod is not None and pods is not None:
        yield Attempt(f"a pod of {one.label}", pods, pod, one, kind, pod=True)


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any] | None:
    """A pod as a workload's controller would make it; None for what runs no pods."""
    template = mapping(mapping(workload.get("spec")).get("template"))
    spec = mapping(template.get("spec"))
    if "containers" not in spec:
        return None
    # `up` brings its ServiceAccount first, and a pod without one is refused for that alone.
    account = ("serviceAccountName", "serviceAccount")
    metadata = mapping(template.get("metadata"))
    kept = {key: dict(metadata[key]) for key in ("labels", "annotations") if metadata.get(key)}
    name = {"name": f"{name_of(workload)}-dry-run", "namespace": str(workload["metadata"]["namespace"])}
    return comparable(
        {
            "apiVersion": PODS.api,
            "kind": PODS.kind,
            "metadata": {**kept, **name},
            "spec": {key: value for key, value in spec.items() if key not in account},
        }
    )


def askable(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest that the API server can read: without what varies, and with something in place of each secret."""
    result = comparable(manifest)
    if result["kind"] == "Secret" and result.get("data"):
        result["data"] = dict.fromkeys(result["data"], PLACEHOLDER)
    return result


def _refusal(cluster: Cluster, attempt: Attempt) -> tuple[Level, str] | None:
    """The API server's words, and how bad they are; None where it lets the object in, or will say so elsewhere."""
    try:
        cluster.dry_run(attempt.kind.resource, attempt.manifest)
    except MissingError:
        return None
    except RefusedError as error:
        words = " ".join(error.reason.split())
        if error.status == HTTPStatus.FORBIDDEN and NO_RIGHT in words:
            return None
        return _level(cluster, attempt, error, words), words
    return None


def _level(cluster: Cluster, attempt: Attempt, error: RefusedError, words: str) -> Level:
    if NO_ANSWER in words:
        return Level.WARNING
    # Of what is there already, a pod is needed only where it rolls, and the engine makes anew what cannot be changed.
    invalid = error.status == HTTPStatus.UNPROCESSABLE_ENTITY and DENIED not in words
    return Level.WARNING if (attempt.pod or invalid) and _is_there(cluster, attempt) else Level.PROBLEM


def _is_there(cluster: Cluster, attempt: Attempt) -> bool:
    one = attempt.planned
    try:
        cluster.get(attempt.planned_kind.resource, name_of(one.manifest), one.namespace)
    except MissingError:
        return False
    return True


def _finding(level: Level, refused: Sequence[tuple[Attempt, str]]) -> Finding:
    labels = [attempt.label for attempt, _ in refused]
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    words = refused[0][1]
    namespaces = all(one.manifest["kind"] == NAMESPACES.kind for one, _ in refused)
    fix = WEBHOOK if NO_ANSWER in words else LABELS if namespaces else OTHERWISE
    return Finding(SUBJECT, level, f"{', '.join(labels[:SHOWN])}{more}: the API server refuses: {words}", fix)
