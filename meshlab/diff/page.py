"""A diff as one page that needs nothing else: no font, no address, and no script but its own. Nothing is cut in it.

page.html says how it looks; page.js is its search, and all of it can be read without.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..comparison.changes import Change
from ..comparison.stacks import Comparison
from .sections import counts
from .unified import RELEASES, file_diffs, notes
from .warnings import Code, Line, warnings

FOLDER = Path(__file__).resolve().parent
MARK = '<meta name="generator" content="meshlab diff">'
ACTIONS = ("added", "changed", "removed")
_SIGNS = {"+": "plus", "-": "minus", "@": "hunk"}


@dataclass(frozen=True)
class Text:
    """The lines of a diff from its first hunk on, those of one kind together."""

    runs: tuple[tuple[str, str], ...]
    """Kind (`plus`, `minus`, `hunk` or empty) and text."""
    plus: int
    minus: int


@dataclass(frozen=True)
class PageEntry:
    """One object."""

    change: Change
    diff: Text | None
    notes: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    """Side and address of its whole files in the trees beside the page."""


@dataclass(frozen=True)
class ComponentPart:
    """A component and its objects."""

    name: str
    counts: Counter[str]
    entries: tuple[PageEntry, ...]


@dataclass(frozen=True)
class ChangedStack:
    """One stack that changes."""

    comparison: Comparison
    counts: Counter[str]
    told: tuple[str, ...]
    """What changes beside objects."""
    releases: Text | None
    warnings: tuple[tuple[str, list[Line]], ...]
    parts: tuple[ComponentPart, ...]


def page(comparisons: Sequence[Comparison], remarks: Sequence[str] = ()) -> str:
    """The page of several stacks; every text in it is escaped. `remarks` stand at its top."""
    # Everything is HTML here, whatever its file is called.
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["code"] = _is_code
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    stacks = [_stack(comparison) for comparison in comparisons if not comparison.same]
    content: dict[str, Any] = {
        "base": comparisons[0].base,
        "kubernetes": comparisons[0].rendered.target.kubernetes,
        "remarks": [
            *remarks,
            *dict.fromkeys(note for comparison in comparisons for note in comparison.rendered.charts.notes),
        ],
        "stacks": stacks,
        "same": [comparison.stack for comparison in comparisons if comparison.same],
        "total": sum((stack.counts for stack in stacks), Counter[str]()),
        "actions": ACTIONS,
        "mark": MARK,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return environment.get_template("page.html").render(content)


def _is_code(value: Any) -> bool:
    return isinstance(value, Code)


def _stack(one: Comparison) -> ChangedStack:
    changes = one.shown.changes
    texts = file_diffs(one, changes)
    parts = [
        ComponentPart(name, counts(mine), tuple(_entry(one, change, texts.get(change.file)) for change in mine))
        for name, mine in _by_component(changes)
    ]
    return ChangedStack(
        one,
        counts(changes),
        (*one.release_changes, *one.other_changes, *one.left_out),
        _text(texts.get(RELEASES)),
        tuple(warnings(one, whole=True)),
        tuple(parts),
    )


def _by_component(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    # What only names another version of its chart comes last, as nobody has to read it.
    ordered = sorted(changes, key=lambda one: (one.one.component, one.version_only, one.file))
    for name, mine in groupby(ordered, key=lambda one: one.one.component):
        yield name, list(mine)


def _entry(one: Comparison, change: Change, diff: str | None) -> PageEntry:
    sides = (("base", change.before), ("head", change.after))
    links = tuple((side, quote(f"{side}/{one.stack}/{change.file}")) for side, there in sides if there is not None)
    return PageEntry(change, _text(diff), tuple(notes(change)), links)


def _text(diff: str | None) -> Text | None:
    """A diff without git's headers."""
    lines = diff.split("\n") if diff else []
    first = next((number for number, line in enumerate(lines) if line.startswith("@@")), None)
    if first is None:
        return None
    shown = lines[first:-1] if not lines[-1] else lines[first:]
    kinds = [_SIGNS.get(line[:1], "") for line in shown]
    runs = tuple(
        (kind, "\n".join(line for _, line in run))
        for kind, run in groupby(zip(kinds, shown, strict=True), key=lambda pair: pair[0])
    )
    return Text(runs, kinds.count("plus"), kinds.count("minus"))
