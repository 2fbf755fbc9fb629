"""What can come of a check."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What came of a check. The values stand in the JSON document."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable here"


class Failed(Exception):  # noqa: N818 - an outcome of a check, not an error of the program
    """The check saw something else than it expected; the message is what it saw, one line."""

    def __init__(self, seen: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(seen)
        self.details = details


class NotApplicable(Exception):  # noqa: N818 - an outcome of a check, not an error of the program
    """The check says nothing on this cluster or for this stack; the message is the reason, one line."""


@dataclass(frozen=True)
class Seen:
    """What a check saw that is as expected: one line, and more for who wants to know."""

    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of one check; the fields stand in the JSON document."""

    id: str
    lab: int
    title: str
    status: Status
    expected: str
    seen: str
    """What was seen; for `not applicable here`, why."""
    details: tuple[str, ...]
    seconds: float
