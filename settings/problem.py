"""One wrong value of a stack file, in words."""

import json
from dataclasses import dataclass

DOES_NOTHING = "which does nothing"
"""How `got` ends where the key itself is in the wrong place, so that no other value would do."""
SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Problem:
    """One wrong value."""

    path: tuple[str, ...]
    """The keys that lead to it, as they stand in the stack file; an item of a list is `[<number>]`."""
    expected: str
    got: str


def shown(value: object) -> str:
    """A value as a person would have written it, cut where it is long."""
    if value is None:
        return "nothing"
    text = json.dumps(value, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."
