"""One stack as it was and as it will be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

from ..recording.releases import Release
from ..render.others import Other
from ..render.stack import RenderedStack
from .changes import Change, changes, continues, differing, text_of
from .leaving_out import Filter, Shown, shown, told


class _Named(Protocol):
    @property
    def resource(self) -> str: ...
    @property
    def former(self) -> tuple[str, ...]: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True)
class Comparison:
    """Two renderings of a stack; a tree that has no such stack gives none."""

    stack: str
    base: str
    """How to speak of what it is compared with."""
    before: RenderedStack | None
    after: RenderedStack | None
    leave_out: Filter = field(default_factory=Filter)
    """What of the changes a comment and a page leave out."""

    @cached_property
    def changes(self) -> list[Change]:
        """Every object that is not the same, by file."""
        return changes(self.before.files if self.before else {}, self.after.files if self.after else {})

    @cached_property
    def shown(self) -> Shown:
        """The changes that a comment and a page show."""
        return shown(self.changes, self.stack, self.leave_out)

    @property
    def left_out(self) -> list[str]:
        """What they leave out, a line for each rule."""
        return told(self.shown, self.leave_out)

    @cached_property
    def releases(self) -> list[tuple[Release | None, Release | None]]:
        """Each release before and after, matched as Pulumi does: by their resources."""
        return _matched(self.before.releases if self.before else (), self.after.releases if self.after else ())

    @cached_property
    def others(self) -> list[tuple[Other | None, Other | None]]:
        """The resources that are neither objects nor releases, in the same way."""
        return _matched(self.before.others if self.before else (), self.after.others if self.after else ())

    @property
    def same(self) -> bool:
        """Whether nothing differs: no object, no release, and nothing that objects hang on."""
        return not (self.changes or self.release_changes or self.other_changes)

    @property
    def rendered(self) -> RenderedStack:
        """The rendering that says what both were rendered for and with."""
        found = self.after or self.before
        assert found is not None
        return found

    @cached_property
    def release_changes(self) -> list[str]:
        """Which releases come, go, or get another chart, version, name or namespace."""
        return list(self._release_changes())

    @cached_property
    def other_changes(self) -> list[str]:
        """Which of the others come, go, or change, and in what."""
        return list(self._other_changes())

    def _release_changes(self) -> Iterator[str]:
        for old, new in self.releases:
            if old is None or new is None:
                one = _either(old, new)
                yield f"release {one.name}: {'new' if old is None else 'goes'}, {one.chart} {one.version}"
                continue
            if (old.namespace, old.name) != (new.namespace, new.name):
                yield f"release {old.namespace}/{old.name} → {new.namespace}/{new.name}"
            if old.chart != new.chart:
                yield f"release {new.name}: {old.chart} {old.version} → {new.chart} {new.version}"
            elif old.version != new.version:
                yield f"release {new.name}: {new.chart} {old.version} → {new.version}"

    def _other_changes(self) -> Iterator[str]:
        for old, new in self.others:
            if old is None or new is None:
                yield f"{_either(old, new).label}: {'new' if old is None else 'goes'}"
            elif old.inputs != new.inputs:
                fields = ", ".join(text_of(path) for path in differing(old.inputs, new.inputs))
                yield f"{new.label}: {fields}"


def _matched(before: Sequence[N], after: Sequence[N]) -> list[tuple[N | None, N | None]]:
    left = sorted(before, key=lambda one: one.resource)
    pairs: list[tuple[N | None, N | None]] = []
    for new in sorted(after, key=lambda one: one.resource):
        old = next((node for node in left if continues(node.resource, new.resource, new.former)), None)
        if old is not None:
            left.remove(old)
        pairs.append((old, new))
    return [*pairs, *((old, None) for old in left)]


def _either(old: N | None, new: N | None) -> N:
    found = new or old
    assert found is not None
    return found
