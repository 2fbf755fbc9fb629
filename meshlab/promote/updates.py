"""When a stack was last changed, by the state that the engine keeps.

A record of our own beside it would miss what plain `pulumi up` or another machine does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from base import process
from base.errors import MeshlabError
from base.say import Say

from ..engine.backends import NOT_THERE, Backend
from ..engine.programs import find_cli
from ..recording.recorder import ROOT
from ..stackfile.stack_names import reference_of

EXPORT_LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Update:
    """The last change of a stack."""

    at: datetime
    """When it ended; for one that was broken off, when its state was last written."""
    interrupted: bool = False
    """Whether the engine does not know how some operation ended."""
    removed: bool = False
    """Whether there is nothing left of the stack."""


def last_update(stack: str, say: Say, backend: Backend) -> Update | None:
    """The last change of a stack; None where the backend knows of none. Raises MeshlabError and EngineMissingError."""
    file = backend.state_file(stack)
    if backend.own and file is not None and not any(file.parent.glob(f"{file.name}*")):
        return None  # nothing to ask, so that no CLI need be had
    pulumi = find_cli(say)
    try:
        # Without --show-secrets nothing is decrypted, and no passphrase is needed.
        done = process.run(
            [pulumi, "--non-interactive", "stack", "export", "--stack", reference_of(stack)],
            timeout=EXPORT_LIMIT_SECONDS,
            cwd=ROOT,
            env=backend.environment(),
        )
    except process.CommandFailedError as error:
        if NOT_THERE in error.completed.stderr:
            return None
        why = backend.fault(error.completed.stderr)
        raise MeshlabError(f"{backend.told()}: the state of {reference_of(stack)} cannot be read: {why}") from None
    return _of_state(cast(Mapping[str, Any], json.loads(done.stdout)["deployment"] or {}))


def _of_state(deployment: Mapping[str, Any]) -> Update | None:
    manifest = cast(Mapping[str, Any], deployment.get("manifest") or {})
    if "time" not in manifest:
        return None
    at = datetime.fromisoformat(manifest["time"]).astimezone(UTC)
    return Update(at, bool(deployment.get("pending_operations")), removed=not deployment.get("resources"))
