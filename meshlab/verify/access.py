"""What checks need of a cluster. The real one is in kube.py; tests have one made of objects."""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Manifest = Mapping[str, Any]


def mapping(value: Any) -> dict[str, Any]:
    """What should be a mapping and may be left out."""
    return value or {}


def entries(value: Any) -> list[dict[str, Any]]:
    """What should be a list of mappings and may be left out."""
    return value or []


class AccessError(Exception):
    """The cluster cannot be asked, or does not answer as it should. One line: what was asked, and what came."""


class MissingError(AccessError):
    """The object is not there."""


class RefusedError(AccessError):
    """The API server says no."""

    def __init__(self, request: str, status: int, reason: str) -> None:
        """`status` is HTTP's."""
        super().__init__(f"{request}: HTTP {status}: {reason}")
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Resource:
    """A kind of object, as the API server has it."""

    api: str
    """Group and version: `v1`, `apps/v1`."""
    plural: str
    kind: str

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of one object, or of the list of them."""
        root = f"/api/{self.api}" if "/" not in self.api else f"/apis/{self.api}"
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True)
class Executed:
    """A command that ended in a container."""

    code: int
    stdout: str
    stderr: str


class Cluster(Protocol):
    """A cluster, through its API server. Everything raises AccessError."""

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        """One object; raises MissingError."""
        ...

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """The objects of a kind with these labels, in one namespace or in all; raises MissingError without the kind."""
        ...

    def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float) -> Executed:
        """Run a command in a container and wait for its end, `seconds` at most."""
        ...

    def tunnel(self, namespace: str, pod: str, port: int, seconds: float) -> http.client.HTTPConnection:
        """A connection to a port of a pod, forwarded by its node; a read or write may take `seconds`."""
        ...

    def proxied(self, namespace: str, service: str, port: int, path: str) -> str:
        """The answer to a GET of a Service's `path`, made by the API server itself."""
        ...

    def token(self, namespace: str, account: str, seconds: int) -> str:
        """A token of a ServiceAccount that is good for `seconds`."""
        ...
