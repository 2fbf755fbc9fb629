"""What locks the secrets of a stack's state: a passphrase, or a key of a key management service. docs/secrets.md"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .lab import LabError, passphrase_file

PASSPHRASE, PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
BACKEND = "PULUMI_BACKEND_URL"
BY_PASSPHRASE = ("", "default", "passphrase")


def key_service(stack_file: Mapping[str, Any]) -> str | None:
    """Address of the key that the stack file names; None where a passphrase locks the stack's secrets."""
    named = str(stack_file.get("secretsprovider") or "")
    return None if named in BY_PASSPHRASE else named


def passphrase_environment(stack: str, service: str | None, state: Path) -> dict[str, str]:
    """What the engine needs in its environment beside what is there, for secrets that a passphrase locks.

    A state of our own has a passphrase of our own. Raises LabError where there would be none that counts: an empty one
    locks nothing, and one made here would be gone with this machine while the state in the backend stays.
    """
    if service is not None or os.environ.get(PASSPHRASE):
        return {}
    if PASSPHRASE in os.environ:
        raise LabError(
            f"{PASSPHRASE}: expected a passphrase for the secrets of {stack}, got an empty one "
            f"(set it; or unset it, for a passphrase of its own in .state/)"
        )
    if os.environ.get(PASSPHRASE_FILE):
        return {}
    backend = os.environ.get(BACKEND)
    if backend:
        raise LabError(
            f"{PASSPHRASE}: expected the passphrase of {stack}, whose state is in {backend}, got none "
            f"(set it, or name a key in Pulumi.{stack}.yaml: docs/secrets.md)"
        )
    return {PASSPHRASE_FILE: str(passphrase_file(state))}
