"""Which kinds a cluster serves, and all objects of a kind."""

import http.client
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any, cast

from .api_objects import AccessError, Manifest, MissingError, RefusedError, Resource, entries, mapping, root_of
from .connection import Connection

WORKERS = 12
API_SERVICES = Resource("apiregistration.k8s.io/v1", "apiservices", "APIService")
Silent = dict[str, str]
"""What could not be asked, and why."""


@dataclass(frozen=True)
class Kind:
    """A kind that the cluster serves."""

    resource: Resource
    namespaced: bool
    listable: bool

    @property
    def label(self) -> str:
        """As kubectl names it: `prometheuses.monitoring.coreos.com`."""
        group = group_of(self.resource.api)
        return f"{self.resource.plural}.{group}" if group else self.resource.plural


class Kinds:
    """The kinds of a cluster."""

    def __init__(self, kinds: Iterable[Kind], versions: Iterable[str], silent: Silent | None = None) -> None:
        self.all = tuple(kinds)
        self.silent: Silent = silent or {}
        """By group and version: what did not answer for itself, such as an APIService without its Service."""
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


class Discovery(Connection):
    """Questions about the kinds of a cluster."""

    def kinds(self) -> Kinds:
        """Everything that the cluster serves, the preferred version of each group first.

        A group that another server has may be silent without keeping anybody from the rest.
        """
        groups = cast(list[dict[str, Any]], self._answer("GET", "/apis")["groups"])
        versions = ["v1"]
        for group in groups:
            preferred = group["preferredVersion"]["groupVersion"]
            others = [version["groupVersion"] for version in group["versions"] if version["groupVersion"] != preferred]
            versions += [preferred, *others]
        silent = self._unavailable()
        versions = [api for api in versions if api not in silent]
        with ThreadPoolExecutor(WORKERS) as pool:
            lists = list(pool.map(self._kinds_of, versions, repeat(silent)))
        kinds = [kind for found in lists for kind in found]
        return Kinds(kinds, {*versions, *(f"{kind.resource.api}/{kind.resource.kind}" for kind in kinds)}, silent)

    def kind(self, api: str, kind: str) -> Kind | None:
        """One kind of a group and version; None if the cluster does not serve it."""
        return next((found for found in self._served(api) if found.resource.kind == kind), None)

    def everything(self, kinds: Iterable[Kind], silent: Silent | None = None) -> dict[Kind, list[Manifest]]:
        """All objects of some kinds, of all namespaces; a kind that went meanwhile has none.

        Into `silent` goes each kind that the API server cannot list, by `<resource>.<group>`; without it, that raises.
        """
        listed = list(kinds)
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(self._objects, listed, repeat(silent))
        return dict(zip(listed, found, strict=True))

    def _objects(self, kind: Kind, silent: Silent | None) -> list[Manifest]:
        try:
            items = self.list(kind.resource)
        except MissingError:
            return []
        except RefusedError as error:
            if silent is None or error.status < http.client.TOO_MANY_REQUESTS:
                raise
            # 429 once all patience is over: a dead conversion webhook keeps the kind's storage from coming up.
            silent[kind.label] = f"HTTP {error.status}: {error.reason}"
            return []
        # A list does not repeat on its items what they are.
        return [{"apiVersion": kind.resource.api, "kind": kind.resource.kind, **item} for item in items]

    def _unavailable(self) -> Silent:
        """The groups whose own server is not there, as the API server has seen it; its list may leave them out."""
        found: Silent = {}
        with suppress(RefusedError, MissingError):  # who may not look at these still sees the rest
            for api_service in self.list(API_SERVICES):
                for condition in entries(mapping(api_service.get("status")).get("conditions")):
                    if condition.get("type") == "Available" and condition.get("status") == "False":
                        spec = api_service["spec"]
                        found[f"{spec['group']}/{spec['version']}"] = str(condition.get("message"))
        return found

    def _kinds_of(self, api: str, silent: Silent) -> list[Kind]:
        try:
            return self._served(api)
        except AccessError as error:
            if "." not in api:  # the API server's own: then nothing answers
                raise AccessError(f"cannot tell which kinds {api} has: {error}") from None
            silent[api] = str(error)
            return []

    def _served(self, api: str) -> list[Kind]:
        """The kinds of a group and version, without their subresources; none if it does not exist."""
        try:
            resources = cast(list[dict[str, Any]], self._answer("GET", root_of(api))["resources"])
        except MissingError:
            return []
        return [
            Kind(
                Resource(api, resource["name"], resource["kind"]),
                bool(resource["namespaced"]),
                "list" in resource["verbs"],
            )
            for resource in resources
            if "/" not in resource["name"]
        ]


def group_of(api: str) -> str:
    """The group of an apiVersion; empty for the core one."""
    return api.rpartition("/")[0]
