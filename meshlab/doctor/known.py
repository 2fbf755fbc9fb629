"""What the state of a stack knows: read straight from its file, else exported by the CLI. Nothing is locked."""

from dataclasses import dataclass
from typing import Any, cast

from ..engine.backends import deployment_in
from ..engine.state import RELEASE, ReleaseKey, State
from ..engine.state_backend import StackBackend
from ..ownership.strangers import NONE, StackNamespaces, namespaces_in


@dataclass(frozen=True)
class Known:
    """A stack's state, as far as a look from outside shows it."""

    exists: bool
    """Whether the stack was brought up before."""
    readable: bool
    """False for a backend elsewhere, of which nothing is known then."""
    releases: frozenset[ReleaseKey] = frozenset()
    """Helm releases that are the stack's, pending ones included."""
    leaving: frozenset[str] = frozenset()
    """The uids of helm's records that an unfinished `down` left, and that the next `up` or `down` deletes."""
    pending: tuple[str, ...] = ()
    """Resources whose operation never ended."""
    namespaces: StackNamespaces = NONE
    """Those that the stack has made or adopted."""
    locked_by: str = ""
    """What locks the state's secrets: `passphrase`, or the kind of a key service."""


def known_of(stack: str, where: StackBackend, *, ask: bool = False) -> Known:
    """Read the state of a stack; `ask` says that the CLI may, where there is no file to read.

    Raises BackendError where the backend refuses or does not answer.
    """
    file = where.backend.state_file(stack)
    if file is None:
        if not ask:
            return Known(exists=False, readable=False)
        latest = cast(dict[str, Any] | None, where.export().get("deployment"))
        return _of(latest) if latest is not None else Known(exists=False, readable=True)
    if not file.is_file():
        return Known(exists=False, readable=True)
    return _of(deployment_in(file))


def _of(latest: dict[str, Any]) -> Known:
    read = State({"deployment": latest})
    begun = {ReleaseKey.of(operation.inputs) for operation in read.operations if operation.type == RELEASE}
    return Known(
        exists=True,
        readable=True,
        releases=frozenset({*read.releases(), *begun}),
        pending=tuple(operation.name for operation in read.operations),
        namespaces=namespaces_in(latest),
        locked_by=str(cast(dict[str, Any], latest.get("secrets_providers") or {}).get("type") or ""),
    )
