"""What promotion finds where two stacks are not the same."""

from dataclasses import dataclass
from typing import Any

from settings.models import Settings

from ..stackfile.reading import PROJECT, Config

Key = tuple[str, ...]
"""Keys of a stack file from the section down."""


@dataclass(frozen=True)
class Side:
    """One of the two stacks."""

    stack: str
    config: Config
    settings: Settings


@dataclass(frozen=True)
class Move:
    """One value that the next stack gets."""

    key: Key
    before: Any
    """The value in force; None where there is none."""
    after: Any
    """The value from then on; a mapping for a whole new control plane."""
    drop: bool = False
    """Whether the key goes from the file, so that the program's default is in force."""
    like: str | None = None
    """For a new mapping: its neighbour in the file that it is a copy of, but for the version."""


@dataclass(frozen=True)
class Setback:
    """One value that would be older in the next stack than what it has."""

    key: Key
    current: str
    wanted: str


def written(key: Key) -> str:
    """A key as the stack file and errors have it: `meshlab:istio.tags.stable`."""
    return f"{PROJECT}:{'.'.join(key)}"
