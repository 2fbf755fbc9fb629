"""What a rule is. Each has a module of its own in rules/."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .settings import PackSettings
from .subjects import Subject

Findings = Iterator[str]
"""Each what is wrong with the subject, in one line: where, what was expected, what to do. Never a secret's content."""


@dataclass(frozen=True)
class PolicyRule:
    """Something that every subject keeps to, whatever else is in its stack."""

    name: str
    description: str
    check: Callable[[Subject, PackSettings], Findings]


@dataclass(frozen=True)
class StackRule:
    """Something that shows only between the subjects of one stack."""

    name: str
    description: str
    check: Callable[[Sequence[Subject]], Iterator[tuple[Subject, str]]]


@dataclass(frozen=True)
class Violation:
    """A rule that a subject breaks."""

    rule: str
    subject: Subject
    message: str
