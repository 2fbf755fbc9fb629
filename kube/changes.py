"""Changes of objects, and what a change would do: apply, patch and delete, for real or as a dry run."""

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .api_objects import Manifest, MissingError, RefusedError, Resource
from .connection import Connection, Query
from .fields import is_unchanged

DRIFT_MANAGER = "meshlab-drift"
MERGE_PATCH = "application/merge-patch+json"
APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"
DRY_RUN = ("dryRun", "All")
TRIES, PAUSE_SECONDS = 12, 0.1
"""The number of attempts to patch an object that others write to, as controllers do many times while pods roll, and the
pause after the first of them in seconds. Each pause is that much longer than the last; together 7.8 s."""

Operations = Sequence[Mapping[str, Any]]
"""Those of a JSON patch."""


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
        self, resource: Resource, manifest: Manifest, operations: Operations, *, dry_run: bool = False
    ) -> Manifest:
        """The object seen in `manifest` after a patch; raises RefusedError, HTTP 409 if it has changed meanwhile."""
        # To replace it is to ask for it: a `test` would be HTTP 422, as what is wrong with the patch itself is.
        same = {"op": "replace", "path": "/metadata/resourceVersion", "value": manifest["metadata"]["resourceVersion"]}
        query = [("fieldManager", DRIFT_MANAGER), *([DRY_RUN] if dry_run else [])]
        return self._answer(
            "PATCH", _path(resource, manifest), query, body=[same, *operations], content_type=JSON_PATCH
        )

    def patch_latest(
        self, resource: Resource, seen: Manifest, operations: Callable[[Manifest], Operations], *, dry_run: bool = False
    ) -> Manifest:
        """The object after the patch that `operations` makes for it, whoever else writes to it meanwhile; without
        operations, as it is. `operations` is asked again with the object as it is now after each write of others.

        Raises RefusedError where the patch itself is refused, or others write at each of TRIES attempts.
        """
        live = seen
        for attempt in range(1, TRIES + 1):
            patch = operations(live)
            if not patch:
                return live
            try:
                return self.json_patch(resource, live, patch, dry_run=dry_run)
            except RefusedError as error:
                if error.status != http.client.CONFLICT:
                    raise
            time.sleep(PAUSE_SECONDS * attempt)
            live = self._answer("GET", _path(resource, seen))
        reason = f"others wrote to it at each of {TRIES} attempts; run the command again"
        raise RefusedError(f"PATCH {_path(resource, seen)}", http.client.CONFLICT, reason)

    def patch_unchanged(
        self, resource: Resource, seen: Manifest, operations: Operations, *, dry_run: bool = False
    ) -> Manifest:
        """As `patch_latest`, as long as each path of the patch leads to what it led to in `seen`; else RefusedError.

        It is compared here: for an operation `test`, the API server compares JSON texts, and `<` is another text than
        the same character escaped (https://github.com/kubernetes/apiserver/issues/100).
        """

        def as_seen(live: Manifest) -> Operations:
            for operation in operations:
                if not is_unchanged(seen, live, operation["path"]):
                    reason = f"{operation['path']} has changed meanwhile"
                    raise RefusedError(f"PATCH {_path(resource, seen)}", http.client.CONFLICT, reason)
            return operations

        return self.patch_latest(resource, seen, as_seen, dry_run=dry_run)

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
