"""One stack as it was and as it will be."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..render import RenderedStack
from .changes import Change, changes


@dataclass(frozen=True)
class Comparison:
    """Two renderings of a stack; a tree that has no such stack gives none."""

    stack: str
    base: str
    """How to speak of what it is compared with."""
    before: RenderedStack | None
    after: RenderedStack | None

    @cached_property
    def changes(self) -> list[Change]:
        """Every object that is not the same, by file."""
        return changes(self.before.files if self.before else {}, self.after.files if self.after else {})

    @property
    def releases(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The helm releases before and after."""
        return self.before.release_list() if self.before else [], self.after.release_list() if self.after else []

    @property
    def same(self) -> bool:
        """Whether neither an object nor a release differs."""
        return not self.changes and self.releases[0] == self.releases[1]

    @property
    def rendered(self) -> RenderedStack:
        """The rendering that says what both were rendered for and with."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def chart_changes(self) -> list[str]:
        """Which releases come, go, or get another chart or version."""
        before, after = ({str(entry["resource"]): entry for entry in entries} for entries in self.releases)
        told: list[str] = []
        for resource in sorted({*before, *after}):
            old, new = _chart(before.get(resource)), _chart(after.get(resource))
            name = (after.get(resource) or before[resource])["name"]
            if old != new:
                told.append(f"{name}: {old or 'no release'} -> {new or 'no release'}")
        return told


def _chart(entry: Mapping[str, Any] | None) -> str:
    return f"{entry['chart']} {entry['version']}" if entry else ""
