"""When a stack was last changed, by the state that the engine keeps.

A record of our own beside it would miss what plain `pulumi up` or another machine does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from components.errors import MeshlabError

from .. import process
from ..engine import engine_environment, state_file
from ..engine_programs import find_cli
from ..lab import STATE, Say
from ..recorder import ROOT

EXPORT_LIMIT_SECONDS = 120.0
NO_STACK = "no stack named"


class UpdatesError(MeshlabError):
    """What was done to a stack cannot be found out; the message is one line."""


@dataclass(frozen=True)
class Update:
    """The last change of a stack."""

    at: datetime
    """When it ended; for one that was broken off, when its state was last written."""
    interrupted: bool = False
    """Whether the engine does not know how some operation ended."""
    removed: bool = False
    """Whether there is nothing left of the stack."""


def last_update(stack: str, say: Say, state: Path = STATE) -> Update | None:
    """The last change of a stack; None where nothing here knows of any. Raises UpdatesError and EngineMissingError."""
    environment = engine_environment(state)
    backend = environment["PULUMI_BACKEND_URL"]
    own = state / "pulumi"
    file = state_file(own, stack)
    if backend == own.as_uri() and not any(file.parent.glob(f"{file.name}*")):
        return None  # nothing to ask, so that no CLI need be had
    pulumi = find_cli(say)
    try:
        # Without --show-secrets nothing is decrypted, and no passphrase is needed.
        done = process.run(
            [pulumi, "--non-interactive", "stack", "export", "--stack", stack],
            timeout=EXPORT_LIMIT_SECONDS,
            cwd=ROOT,
            env=environment,
        )
    except process.CommandFailedError as error:
        if NO_STACK in error.completed.stderr:
            return None
        raise UpdatesError(f"the state of {stack} in {backend} cannot be read: {error}") from None
    return _of_state(cast(Mapping[str, Any], json.loads(done.stdout)["deployment"] or {}))


def _of_state(deployment: Mapping[str, Any]) -> Update | None:
    manifest = cast(Mapping[str, Any], deployment.get("manifest") or {})
    if "time" not in manifest:
        return None
    at = datetime.fromisoformat(manifest["time"]).astimezone(UTC)
    return Update(at, bool(deployment.get("pending_operations")), removed=not deployment.get("resources"))
