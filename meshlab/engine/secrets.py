"""What locks the secrets of a stack's state: a passphrase, a key of a key management service, or Pulumi Cloud.

docs/secrets.md
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base.files import write_private

from ..state_folder import STATE
from ..target import LabError
from .backends import Backend

PASSPHRASE, PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
SALT = "encryptionsalt"
DEFAULT = ("", "default")
BY_PASSPHRASE = (*DEFAULT, "passphrase")


def key_service(stack_file: Mapping[str, Any]) -> str | None:
    """Address of the key that the stack file names; None where it names none."""
    named = str(stack_file.get("secretsprovider") or "")
    return None if named in BY_PASSPHRASE else named


def named_provider(stack_file: Mapping[str, Any]) -> str | None:
    """What the stack file says of its secrets; None for the default of the backend."""
    named = str(stack_file.get("secretsprovider") or "")
    return None if named in DEFAULT else named


def has_passphrase(stack_file: Mapping[str, Any], backend: Backend) -> bool:
    """Whether a passphrase locks the secrets of a stack there. Pulumi Cloud asks for one only where the file does."""
    if key_service(stack_file) is not None:
        return False
    return not backend.is_service or named_provider(stack_file) is not None or SALT in stack_file


def passphrase_environment(stack: str, stack_file: Mapping[str, Any], state: Path, backend: Backend) -> dict[str, str]:
    """What the engine needs in its environment beside what is there, for secrets that a passphrase locks.

    A state of our own has a passphrase of our own. Raises LabError where there would be none that counts: an empty one
    locks nothing, and one made here would be gone with this machine while the state in the backend stays.
    """
    if not has_passphrase(stack_file, backend) or os.environ.get(PASSPHRASE):
        return {}
    if PASSPHRASE in os.environ:
        raise LabError(
            f"{PASSPHRASE}: expected a passphrase for the secrets of {stack}, got an empty one",
            "set it; or unset it, for a passphrase of its own in .state/",
        )
    if os.environ.get(PASSPHRASE_FILE):
        return {}
    if not backend.own:
        raise LabError(
            f"{PASSPHRASE}: expected the passphrase of {stack}, whose state is in {backend.told()}, got none",
            f"set it, or name a key in Pulumi.{stack}.yaml: docs/secrets.md",
        )
    return {PASSPHRASE_FILE: str(passphrase_file(state))}


def passphrase_file(state: Path = STATE) -> Path:
    """The passphrase that locks the secrets of a state of our own; made once, and only its owner can read it."""
    path = state / "passphrase"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path
