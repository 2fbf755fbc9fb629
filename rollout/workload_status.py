"""How far a workload's roll is, by its status, as `kubectl rollout status` tells it."""

from kube.api_objects import Manifest, entries, mapping


def is_done(kind: str, workload: Manifest) -> bool:
    """Whether all pods of a Deployment, StatefulSet or DaemonSet are of its present template, available, and alone."""
    status = mapping(workload.get("status"))
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        counts = ("updatedNumberScheduled", "numberAvailable")
    else:
        wanted = workload["spec"].get("replicas", 1)
        counts = ("updatedReplicas", "availableReplicas", "replicas")
    return all(status.get(count, 0) == wanted for count in counts)


def failure(workload: Manifest) -> str:
    """Why a roll will not end by itself, in the cluster's words; empty where it still may."""
    for condition in entries(mapping(workload.get("status")).get("conditions")):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message") or condition["reason"])
    return ""


def can_restart(workload: Manifest) -> bool:
    """Whether a change to the template rolls the pods: not where it is paused, or waits for somebody to delete them."""
    spec = mapping(workload["spec"])
    strategy = mapping(spec.get("updateStrategy")).get("type")
    return strategy != "OnDelete" and not spec.get("paused")
