"""Why something in a cluster does not come, or does not go: what its conditions, its pods and its events say.

An engine or helm that gives up waiting says "timed out" and no more. The cluster knows the object and the condition.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kube.api_objects import AccessError, Manifest, MissingError, Resource, entries, mapping
from kube.cluster import Cluster
from kube.helm_marks import HOOK, helm_owner
from kube.objects import NAMESPACES, PODS, annotations_of, name_of, selector_of
from kube.pod_troubles import troubles

from ..recording.recorder import Recorded
from ..recording.releases import RELEASE

WORKLOADS = (
    Resource("apps/v1", "deployments", "Deployment"),
    Resource("apps/v1", "statefulsets", "StatefulSet"),
    Resource("apps/v1", "daemonsets", "DaemonSet"),
    Resource("batch/v1", "jobs", "Job"),
)
EVENTS = Resource("v1", "events", "Event")
SHOWN = 8
BAD = {"ReplicaFailure": "True", "Progressing": "False", "Failed": "True", "FailureTarget": "True"}
"""Conditions of workloads that say why, by the status in which they do."""
HELD = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
)


def reasons(kubeconfig: Path, failed: Iterable[Recorded]) -> list[str]:
    """A line for each object behind resources that failed; none where the cluster does not say."""
    lines: list[str] = []
    with suppress(AccessError):
        cluster = Cluster(kubeconfig)
        for resource in failed:
            lines += _of(cluster, resource)
    told = list(dict.fromkeys(lines))
    return [*told[:SHOWN], *([f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else [])]


def held(namespace: Manifest) -> Iterator[str]:
    """Why a namespace that is being deleted is still there."""
    if "deletionTimestamp" not in namespace["metadata"]:
        return
    for condition in _conditions(namespace):
        if condition["type"] in HELD and condition["status"] == "True":
            yield f"Namespace {name_of(namespace)}: {condition['type']}: {condition.get('message', '')}"


def _of(cluster: Cluster, resource: Recorded) -> Iterator[str]:
    inputs = resource.inputs
    if resource.type == RELEASE:
        owner = str(inputs["namespace"]), str(inputs["name"])
        for live in _workloads(cluster, owner[0]):
            if helm_owner(live) == owner or HOOK in annotations_of(live):
                yield from _workload(cluster, live)
        return
    metadata, kind = mapping(inputs.get("metadata")), str(inputs.get("kind"))
    name, namespace = str(metadata.get("name")), str(metadata.get("namespace") or "")
    if kind == "Namespace":
        with suppress(MissingError):
            yield from held(cluster.get(NAMESPACES, name))
    elif kind in [workload.kind for workload in WORKLOADS]:
        for live in _workloads(cluster, namespace):
            if (live["kind"], name_of(live)) == (kind, name):
                yield from _workload(cluster, live)


def _workloads(cluster: Cluster, namespace: str) -> Iterator[Manifest]:
    """The workloads of a namespace that are not as they should be."""
    for resource in WORKLOADS:
        for item in cluster.list(resource, namespace):
            live = {"kind": resource.kind, **item}
            if not _is_done(live):
                yield live


def _workload(cluster: Cluster, live: Manifest) -> Iterator[str]:
    namespace = live["metadata"]["namespace"]
    pods, events = cluster.list(PODS, namespace), cluster.list(EVENTS, namespace)
    label = f"{live['kind']} {namespace}/{name_of(live)}"
    bad = [condition for condition in _conditions(live) if BAD.get(condition["type"]) == condition["status"]]
    # What came of a failure to make pods is said there first; that time is over says nothing but that.
    yield from (_line(label, item["type"], item) for item in bad if item.get("reason") != "ProgressDeadlineExceeded")
    seen: dict[str, str] = {}
    for event in events:
        about = event["involvedObject"]
        if event.get("type") == "Warning" and (about.get("kind"), about.get("name")) == (live["kind"], name_of(live)):
            seen[str(event.get("reason"))] = " ".join(str(event.get("message")).split())
    if not bad:
        yield from (f"{label}: {reason}: {message}" for reason, message in seen.items())
    yield from (f"{label}: {why}" for why in troubles(pods, selector_of(live)))


def _is_done(live: Manifest) -> bool:
    spec, status = mapping(live.get("spec")), mapping(live.get("status"))
    match live["kind"]:
        case "DaemonSet":
            wanted = status.get("desiredNumberScheduled", 0)
            return status.get("numberReady", 0) >= wanted and status.get("updatedNumberScheduled", 0) >= wanted
        case "Job":
            return any(
                condition["type"] == "Complete" and condition["status"] == "True" for condition in _conditions(live)
            )
        case _:
            wanted = spec.get("replicas", 1)
            current = live["metadata"].get("generation") == status.get("observedGeneration")
            ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
            return bool(current and ready >= wanted and updated >= wanted and status.get("replicas", 0) == wanted)


def _conditions(live: Manifest) -> list[dict[str, Any]]:
    return entries(mapping(live.get("status")).get("conditions"))


def _line(label: str, kind: str, condition: Mapping[str, Any]) -> str:
    return f"{label}: {kind} ({condition.get('reason')}): {condition.get('message')}"
