"""What a stack's section `policy` asks of the pack. The program checks the section; the pack only reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

PROJECT, SECTION = "meshlab", "policy"


@dataclass(frozen=True)
class PackSettings:
    """The pack's side of PolicySettings in settings/models.py; a test holds the two together."""

    enforcement: Literal["advisory", "mandatory"] = "mandatory"
    """Whether what breaks a rule is only told or stops the run."""
    allow_anonymous: bool = False
    """Whether people may look who have not signed in."""
    allow_unlimited: bool = False
    """Whether containers may go without requests and limits."""


def settings_of(section: Mapping[str, Any] | None) -> PackSettings:
    """The settings of a stack's section `policy`; what is left out is as strict as can be."""
    given = section or {}
    advisory = given.get("enforcement") == "advisory"
    return PackSettings(
        "advisory" if advisory else "mandatory",
        allow_anonymous=given.get("allowAnonymous") is True,
        allow_unlimited=given.get("allowUnlimited") is True,
    )
