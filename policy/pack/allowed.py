"""Exceptions to a rule, as data: policy/allowed/<rule>.yaml lists who may do what, and why."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from .subjects import Subject

FOLDER = Path(__file__).resolve().parent.parent / "allowed"
_KEYS = {"who", "may", "why"}


class ListError(Exception):
    """A list of exceptions is wrong; the message is one line."""


@dataclass(frozen=True)
class Exemption:
    """What one subject may do, or several that are named alike."""

    who: str
    """Its label, as messages have it; `*` stands for any characters."""
    may: tuple[str, ...]
    """Findings of the rule that are no violation, word for word; `*` likewise."""
    why: str


@cache
def exemptions(rule: str) -> tuple[Exemption, ...]:
    """The exceptions to a rule; none where there is no list. Raises ListError."""
    path = FOLDER / f"{rule}.yaml"
    if not path.is_file():
        return ()
    listed = cast(list[Any], yaml.safe_load(path.read_text(encoding="utf-8")) or [])
    for entry in listed:
        if not isinstance(entry, dict) or set(cast(dict[str, Any], entry)) != _KEYS:
            raise ListError(f"{path.name}: expected entries with exactly the keys who, may and why, got {entry}")
    return tuple(Exemption(entry["who"], tuple(entry["may"]), entry["why"]) for entry in listed)


def allowed(rule: str, subject: Subject, finding: str) -> bool:
    """Whether the list of `rule` says that `subject` may do what was found."""
    return any(
        _fits(subject.label, exemption.who) and any(_fits(finding, pattern) for pattern in exemption.may)
        for exemption in exemptions(rule)
    )


def _fits(text: str, pattern: str) -> bool:
    """Whether `text` is what the pattern says. Of fnmatch's signs only `*` is one here: paths have brackets."""
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))
