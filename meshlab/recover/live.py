"""What there is in the cluster of what the engine had begun to create, and whether it is this stack's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from kube.api_objects import Manifest, MissingError
from kube.cluster import Cluster

from ..engine.state import PendingOperation

CREATE_MANAGER = "pulumi-kubernetes"
"""The field manager under which the provider creates objects."""
UPDATE_MANAGER = f"{CREATE_MANAGER}-"
"""What the name of its field manager for an object of its own, or for a patch, begins with."""
CLOCK_SLACK = timedelta(seconds=30)
"""How far this machine's clock and the API server's may be apart."""


def look_up(cluster: Cluster, operation: PendingOperation) -> Manifest | None:
    """The object that an operation was about; None if it or its kind does not exist. Raises AccessError."""
    kind = cluster.kind(str(operation.inputs["apiVersion"]), str(operation.inputs["kind"]))
    if kind is None:
        return None
    metadata = cast(Mapping[str, str], operation.inputs["metadata"])
    namespace = metadata.get("namespace") or (cluster.namespace if kind.namespaced else "")
    try:
        return cluster.get(kind.resource, metadata["name"], namespace)
    except MissingError:
        return None


def is_ours(operation: PendingOperation, live: Manifest, since: datetime | None) -> bool:
    """Whether the interrupted run made an object: the provider wrote it, and for a new one, not before the run began.

    `since` is when that was; None where nobody knows, and then the writer alone decides.
    """
    metadata = cast(Mapping[str, Any], live["metadata"])
    writers = [
        str(entry.get("manager")) for entry in cast(list[Mapping[str, Any]], metadata.get("managedFields") or [])
    ]
    if operation.type.endswith("Patch"):
        return any(writer.startswith(UPDATE_MANAGER) for writer in writers)
    if not any(writer == CREATE_MANAGER or writer.startswith(UPDATE_MANAGER) for writer in writers):
        return False
    made = datetime.fromisoformat(str(metadata["creationTimestamp"]))
    return since is None or made >= since - CLOCK_SLACK
