"""Changes of objects, and what a change would do: apply, patch and delete, for real or as a dry run."""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .api_objects import Manifest, MissingError, RefusedError, Resource
from .connection import Connection, Query

DRIFT_MANAGER = "meshlab-drift"
MERGE_PATCH = "application/merge-patch+json"
APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"
DRY_RUN = ("dryRun", "All")


class Changes(Connection):
    """Changes of the objects of a cluster."""

    def merge_patch(
        self, resource: Resource, name: str, namespace: str, patch: Mapping[str, Any], manager: str
    ) -> Manifest:
        """The object after a JSON merge patch, whose fields `manager` owns then; raises MissingError."""
        query, path = [("fieldManager", manager)], resource.path(namespace, name)
        return self._answer("PATCH", path, query, body=patch, content_type=MERGE_PATCH)

    def dry_run(self, resource: Resource, manifest: Manifest) -> Manifest:
        """What an object would be if `manifest` were applied by a manager of its own, with nothing changed."""
        return self._applied(resource, manifest, DRIFT_MANAGER, [DRY_RUN])

    def conflict(self, resource: Resource, manifest: Manifest) -> str:
        """Who else manages, with another value, what `manifest` sets; empty where nobody does. Changes nothing."""
        path, query = _path(resource, manifest), [("fieldManager", DRIFT_MANAGER), DRY_RUN]
        try:
            self._answer("GET", path)  # an apply would create it
            self._answer("PATCH", path, query, body=json.dumps(manifest), content_type=APPLY)
        except RefusedError as error:
            if error.status != http.client.CONFLICT:
                raise
            return error.reason
        return ""

    def apply(self, resource: Resource, manifest: Manifest, manager: str) -> Manifest:
        """Apply server-side as `manager`, whoever else set the fields."""
        return self._applied(resource, manifest, manager, [])

    def json_patch(
        self,
        resource: Resource,
        manifest: Manifest,
        operations: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
        same: str = "resourceVersion",
    ) -> Manifest:
        """The object seen in `manifest` after a patch; one that has changed meanwhile is refused.

        `same` is the field of its metadata that has to be as it was: the uid where the operations test the rest.
        """
        metadata = manifest["metadata"]
        tested = {"op": "test", "path": f"/metadata/{same}", "value": metadata[same]}
        query = [("fieldManager", DRIFT_MANAGER), *([DRY_RUN] if dry_run else [])]
        body = [tested, *operations]
        return self._answer("PATCH", _path(resource, manifest), query, body=body, content_type=JSON_PATCH)

    def delete(self, resource: Resource, manifest: Manifest) -> None:
        """Delete exactly the object seen in `manifest`; one that is gone already is as good."""
        body = {"preconditions": {"uid": manifest["metadata"]["uid"]}, "propagationPolicy": "Background"}
        try:
            self._request("DELETE", _path(resource, manifest), body=body)
        except MissingError:
            return

    def _applied(self, resource: Resource, manifest: Manifest, manager: str, query: Query) -> Manifest:
        query = [("fieldManager", manager), ("force", "true"), *query]
        return self._answer("PATCH", _path(resource, manifest), query, body=json.dumps(manifest), content_type=APPLY)


def _path(resource: Resource, manifest: Manifest) -> str:
    return resource.path(manifest["metadata"].get("namespace") or "", manifest["metadata"]["name"])
