"""What drift and removal ask of a cluster beyond reading: which kinds it has, dry runs, changes, deletions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from ..verify.access import AccessError, Manifest, MissingError, Resource
from ..verify.kube import KubeCluster

WORKERS = 12
DRIFT_MANAGER = "meshlab-drift"
APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"


@dataclass(frozen=True)
class Kind:
    """A kind that the cluster serves."""

    resource: Resource
    namespaced: bool
    listable: bool


class Kinds:
    """The kinds of a cluster."""

    def __init__(self, kinds: Iterable[Kind], versions: Iterable[str]) -> None:
        self.all = tuple(kinds)
        self.versions = tuple(sorted(versions))
        """What helm's `.Capabilities.APIVersions` has: `<group>/<version>`, and the same with each kind."""
        self._by_kind = {(kind.resource.api, kind.resource.kind): kind for kind in self.all}

    def of(self, api: str, kind: str) -> Kind | None:
        """The kind of a manifest; None where the cluster does not serve it."""
        return self._by_kind.get((api, kind))

    def listable(self) -> list[Kind]:
        """Every kind whose objects can be listed, each in one version only."""
        found: dict[tuple[str, str], Kind] = {}
        for kind in self.all:
            if kind.listable:
                found.setdefault((group_of(kind.resource.api), kind.resource.kind), kind)
        return list(found.values())


class LiveCluster(KubeCluster):
    """A cluster that may also be changed. Everything raises AccessError; one may be used by several threads."""

    def kinds(self) -> Kinds:
        """Everything that the cluster serves, the preferred version of each group first."""
        groups = cast(list[dict[str, Any]], json.loads(self._request("GET", "/apis"))["groups"])
        versions = ["v1"]
        for group in groups:
            preferred = group["preferredVersion"]["groupVersion"]
            others = [one["groupVersion"] for one in group["versions"] if one["groupVersion"] != preferred]
            versions += [preferred, *others]
        with ThreadPoolExecutor(WORKERS) as pool:
            lists = list(pool.map(self._kinds_of, versions))
        kinds = [kind for found in lists for kind in found]
        return Kinds(kinds, {*versions, *(f"{kind.resource.api}/{kind.resource.kind}" for kind in kinds)})

    def dry_run(self, resource: Resource, manifest: Manifest) -> Manifest:
        """What an object would be if `manifest` were applied by a manager of its own, with nothing changed."""
        return self._applied(resource, manifest, DRIFT_MANAGER, [("dryRun", "All")])

    def apply(self, resource: Resource, manifest: Manifest, manager: str) -> Manifest:
        """Apply server-side as `manager`, whoever else set the fields."""
        return self._applied(resource, manifest, manager, [])

    def json_patch(self, resource: Resource, manifest: Manifest, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """The object seen in `manifest` after a patch; one that has changed meanwhile is refused."""
        metadata = manifest["metadata"]
        same = {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
        path = resource.path(metadata.get("namespace") or "", metadata["name"])
        asked = [("fieldManager", DRIFT_MANAGER)]
        return cast(
            Manifest, json.loads(self._request("PATCH", path, asked, [same, *operations], content_type=JSON_PATCH))
        )

    def delete(self, resource: Resource, manifest: Manifest) -> None:
        """Delete exactly the object seen in `manifest`; one that is gone already is as good."""
        metadata = manifest["metadata"]
        body = {"preconditions": {"uid": metadata["uid"]}, "propagationPolicy": "Background"}
        try:
            self._request("DELETE", resource.path(metadata.get("namespace") or "", metadata["name"]), body=body)
        except MissingError:
            return

    def everything(self, kinds: Iterable[Kind]) -> dict[Kind, list[Manifest]]:
        """All objects of some kinds, of all namespaces; a kind that went meanwhile has none."""
        listed = list(kinds)
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(self._objects, listed)
        return dict(zip(listed, found, strict=True))

    def _objects(self, kind: Kind) -> list[Manifest]:
        try:
            items = self.list(kind.resource)
        except MissingError:
            return []
        # A list does not repeat on its items what they are.
        return [{"apiVersion": kind.resource.api, "kind": kind.resource.kind, **item} for item in items]

    def _applied(
        self, resource: Resource, manifest: Manifest, manager: str, query: Sequence[tuple[str, str]]
    ) -> Manifest:
        metadata = manifest["metadata"]
        path = resource.path(metadata.get("namespace") or "", metadata["name"])
        asked = [("fieldManager", manager), ("force", "true"), *query]
        return cast(Manifest, json.loads(self._request("PATCH", path, asked, json.dumps(manifest), content_type=APPLY)))

    def _kinds_of(self, api: str) -> list[Kind]:
        root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
        try:
            resources = cast(list[dict[str, Any]], json.loads(self._request("GET", root))["resources"])
        except MissingError:
            return []
        except AccessError as error:
            raise AccessError(f"cannot tell which kinds {api} has: {error}") from None
        return [
            Kind(Resource(api, one["name"], one["kind"]), bool(one["namespaced"]), "list" in one["verbs"])
            for one in resources
            if "/" not in one["name"]
        ]


def group_of(api: str) -> str:
    """The group of an apiVersion; empty for the core one."""
    return api.rpartition("/")[0]
