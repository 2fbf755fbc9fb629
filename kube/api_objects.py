"""What an API server and its clients exchange: kinds and objects, the result of a command, and errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from base.errors import MeshlabError

Manifest = Mapping[str, Any]


def mapping(value: Any) -> dict[str, Any]:
    """What should be a mapping and may be left out."""
    return value or {}


def entries(value: Any) -> list[dict[str, Any]]:
    """What should be a list of mappings and may be left out."""
    return value or []


class AccessError(MeshlabError):
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
class Executed:
    """A command that ended in a container."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Resource:
    """A kind of object, as the API server has it."""

    api: str
    """Group and version: `v1`, `apps/v1`."""
    plural: str
    kind: str

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of one object, or of the list of them."""
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{root_of(self.api)}{inside}/{self.plural}" + (f"/{name}" if name else "")


def root_of(api: str) -> str:
    """The path of a group and version."""
    return f"/apis/{api}" if "/" in api else f"/api/{api}"
