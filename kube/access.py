"""What checks need of a cluster. The real one is in kube.py; tests have one made of objects."""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .api_objects import AccessError as AccessError
from .api_objects import Manifest as Manifest
from .api_objects import MissingError as MissingError
from .api_objects import RefusedError as RefusedError
from .api_objects import Resource as Resource
from .api_objects import entries as entries
from .api_objects import mapping as mapping


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
