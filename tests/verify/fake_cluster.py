"""A cluster made of objects, with programs in its pods that answer as a test says: a Cluster of meshlab.verify."""

import http.client
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kube.api_objects import AccessError, Executed, Manifest, MissingError, Resource

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace (empty for kinds outside of namespaces), name."""


class FakeCluster:
    """Objects by kind, namespace and name; what runs in pods is in `commands`, `ports` and `proxies`."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.unknown_kinds: set[str] = set()
        """Kinds that the API server does not serve."""
        self.commands: Callable[[str, str, str, Sequence[str]], Executed] | None = None
        """Runs a command in a container: namespace, pod, container, command."""
        self.ports: dict[tuple[str, str, int], tuple[str, int]] = {}
        """Where a port of a pod (namespace, pod, port) really listens: host and port."""
        self.proxies: dict[tuple[str, str, int, str], str] = {}
        """Answers of the API server's proxy: namespace, Service, port, path."""
        self.tokens: list[tuple[str, str]] = []
        """Accounts that a token was asked for."""

    def add(self, *objects: Object) -> None:
        """Put objects in, or in the place of what has their name."""
        for object_ in objects:
            self.objects[key_of(object_)] = object_

    def of(self, kind: str, name: str, namespace: str = "") -> Object:
        """An object to look at or to change."""
        return self.objects[kind, namespace, name]

    def remove(self, kind: str, name: str, namespace: str = "") -> None:
        """Take an object away."""
        del self.objects[kind, namespace, name]

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        found = None if resource.kind in self.unknown_kinds else self.objects.get((resource.kind, namespace, name))
        if found is None:
            raise MissingError(f"{resource.path(namespace, name)} is not there")
        return found

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        if resource.kind in self.unknown_kinds:
            raise MissingError(f"{resource.path(namespace)} is not there")
        return [
            # As the API server lists: without kind and apiVersion.
            {key: value for key, value in one.items() if key not in ("kind", "apiVersion")}
            for (kind, where, _), one in self.objects.items()
            if kind == resource.kind
            and namespace in ("", where)
            and (labels or {}).items() <= (one["metadata"].get("labels") or {}).items()
        ]

    def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float) -> Executed:
        if self.commands is None:
            raise AccessError(f"exec in {namespace}/{pod}: nothing runs there")
        return self.commands(namespace, pod, container, command)

    def tunnel(self, namespace: str, pod: str, port: int, seconds: float) -> http.client.HTTPConnection:
        if (namespace, pod, port) not in self.ports:
            raise AccessError(f"port-forward to {namespace}/{pod}:{port}: connection refused")
        host, where = self.ports[namespace, pod, port]
        return http.client.HTTPConnection(host, where, timeout=seconds)

    def proxied(self, namespace: str, service: str, port: int, path: str) -> str:
        if (namespace, service, port, path) not in self.proxies:
            raise AccessError(f"GET {path} of Service {service}: HTTP 503: no endpoints")
        return self.proxies[namespace, service, port, path]

    def token(self, namespace: str, account: str, seconds: int) -> str:
        self.tokens.append((namespace, account))
        return f"token-of-{account}"


def key_of(manifest: Mapping[str, Any]) -> Key:
    """What makes an object itself."""
    return str(manifest["kind"]), str(manifest["metadata"].get("namespace", "")), str(manifest["metadata"]["name"])
