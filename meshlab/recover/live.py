"""What there is in the cluster of what the engine had begun to create, and whether it is this stack's."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from base import process
from base.environment import reaching

from ..engine.state import Operation

Manifest = Mapping[str, Any]

CREATE_MANAGER = "pulumi-kubernetes"
"""The field manager under which the provider creates objects."""
UPDATE_MANAGER = f"{CREATE_MANAGER}-"
"""What the name of its field manager for an object of its own, or for a patch, begins with."""
CLOCK_SLACK = timedelta(seconds=30)
"""How far this machine's clock and the API server's may be apart."""
LOOK_LIMIT_SECONDS = 30.0
NO_SUCH_KIND = "the server doesn't have a resource type"


class Live:
    """Looks objects up with kubectl."""

    def __init__(self, kubectl: Path, kubeconfig: Path) -> None:
        self._kubectl, self._env = kubectl, reaching(kubeconfig)

    def look(self, operation: Operation) -> Manifest | None:
        """The object that an operation was about; None where there is none, or not even its kind."""
        api_version, kind = str(operation.inputs["apiVersion"]), str(operation.inputs["kind"])
        metadata = cast(Mapping[str, str], operation.inputs["metadata"])
        group, _, version = api_version.rpartition("/")
        namespace = ("--namespace", metadata["namespace"]) if "namespace" in metadata else ()
        found = process.run(
            [
                *(self._kubectl, "get", f"{kind}.{version}.{group}", metadata["name"], *namespace),
                *("--ignore-not-found", "--show-managed-fields", "-o", "json"),
            ],
            timeout=LOOK_LIMIT_SECONDS,
            env=self._env,
            check=False,
        )
        if found.code != 0:
            if NO_SUCH_KIND in found.stderr:
                return None
            raise process.CommandFailedError(found)
        return cast(Manifest, json.loads(found.stdout)) if found.stdout.strip() else None


def is_ours(operation: Operation, live: Manifest, since: datetime | None) -> bool:
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
