"""Rules that name objects and fields of them: what drift ignores, and what the diff of a pull request leaves out.

One language for both. A pattern is a text in which `*` stands for any characters. A field is a path as drift and diff
write it, `spec.template.spec.containers[istio-proxy].image`, and everything below it belongs to it.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Self

from pydantic import Field, model_validator

from kube.fields import Steps

from .section import Section
from .validators import expected

ANY = "*"
_KEY, _ITEM = r"[^\s.\[\]]+", r"\[[^\[\]]+\]"
_PATH = rf"^[^\s.\[\]/][^\s.\[\]]*(?:{_ITEM})*(?:\.{_KEY}(?:{_ITEM})*)*$"
_TOKEN = re.compile(rf"{_ITEM}|{_KEY}")
_ITEM_NAME = "name="

Pattern = Annotated[str, Field(pattern=r"^[^\s\[\]]+$"), expected("a name, in which * stands for any characters")]
FieldPath = Annotated[
    str,
    Field(pattern=_PATH),
    expected(
        "a path such as spec.template.spec.containers[istio-proxy].image (* for any characters, [*] for any item of a "
        "list)"
    ),
]
Patterns = Annotated[list[Pattern], Field(min_length=1)]
Reason = Annotated[str, Field(pattern=r"\S"), expected("a reason")]


class ObjectRule(Section):
    """Objects, and fields of them. A key that is not set matches everything."""

    kinds: Patterns | None = None
    """Patterns of the objects' kinds, such as `Deployment`."""
    names: Patterns | None = None
    """Patterns of their names."""
    namespaces: Patterns | None = None
    """Patterns of their namespaces. An object without a namespace matches none."""
    fields: Annotated[list[FieldPath], Field(min_length=1)] | None = None
    """Paths of fields. Without them, the rule matches whole objects."""

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not any(getattr(self, key) for key in self._choosing()):
            raise ValueError(f"expected at least one of {', '.join(self._choosing())}, since it is about all otherwise")
        return self

    @classmethod
    def _choosing(cls) -> tuple[str, ...]:
        return "kinds", "names", "namespaces", "fields"

    def fits(self, kind: str, namespace: str, name: str) -> bool:
        """Whether it is about an object."""
        return (
            one_fits(self.kinds, kind)
            and one_fits(self.names, name)
            and (self.namespaces is None or (bool(namespace) and one_fits(self.namespaces, namespace)))
        )

    def covers(self, steps: Steps) -> bool:
        """Whether a field of such an object belongs to it."""
        return self.fields is None or any(_leads_to(_tokens(path), steps) for path in self.fields)


class DriftRule(ObjectRule):
    """Objects, or fields of objects, that are never drift."""

    managers: Patterns | None = None
    """Patterns of the field manager that wrote a field last, as drift reports it: `by <manager>`."""
    deleted: bool = False
    """Whether the objects may also be missing. Only for a rule that matches whole objects."""
    reason: Reason
    """Why the difference is accepted. Drift prints it with what it ignores."""

    @model_validator(mode="after")
    def _only_whole_objects_may_be_missing(self) -> Self:
        if self.deleted and not self.whole:
            raise ValueError("expected deleted without fields and managers, since a missing object has none")
        return self

    @classmethod
    def _choosing(cls) -> tuple[str, ...]:
        return "kinds", "names", "namespaces", "fields", "managers"

    @property
    def whole(self) -> bool:
        """Whether it is about objects as a whole, whatever differs of them and whoever wrote it."""
        return self.fields is None and self.managers is None


class DiffRule(ObjectRule):
    """Objects, or fields of objects, that a comment does not contain."""

    stacks: Patterns | None = None
    """Patterns of the stacks' names."""
    reason: Reason | None = None
    """Why; the comment contains it with the number of omitted changes."""


def one_fits(patterns: Iterable[str] | None, text: str) -> bool:
    """Whether a text fits one of some patterns; every text fits none at all."""
    return patterns is None or any(_glob(pattern).fullmatch(text) for pattern in patterns)


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split(ANY)), re.DOTALL)


@lru_cache(maxsize=1024)
def _tokens(path: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(path))


def _leads_to(tokens: Sequence[str], steps: Steps) -> bool:
    """Whether a path leads to a field or to something above it. A key with dots in it is several tokens."""
    if not tokens or not steps:
        return not tokens
    step, rest = steps[0], steps[1:]
    if _is_item(step) or _is_item(tokens[0]):
        both = _is_item(step) and _is_item(tokens[0])
        return both and _glob(_item(tokens[0])).fullmatch(_item(step)) is not None and _leads_to(tokens[1:], rest)
    for count in range(1, min(len(tokens), step.count(".") + 1) + 1):
        if _is_item(tokens[count - 1]):
            break
        key = ".".join(tokens[:count])
        if _glob(key).fullmatch(step) and _leads_to(tokens[count:], rest):
            return True
    return False


def _is_item(part: str) -> bool:
    return part.startswith("[")


def _item(part: str) -> str:
    """What tells an item: drift writes `[name=web]`, diff `[web]`."""
    return part[1:-1].removeprefix(_ITEM_NAME)
