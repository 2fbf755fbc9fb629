"""The sections of a comment: what a reviewer has to know, then each object."""

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..comparison.changes import Change, text_of
from ..comparison.crds import CRD
from ..comparison.stacks import Comparison
from .blocks import Block
from .warnings import Code, warnings

OPEN_ITEMS = 12
"""A section with more items is folded."""
SHOWN_PATHS = 4


def counts(changes: Iterable[Change]) -> Counter[str]:
    """How many objects are added, changed and removed."""
    return Counter(change.action for change in changes)


def sections(one: Comparison) -> Iterator[Block]:
    """The sections of a stack's comment that have something to say."""
    yield _table(one.shown.changes)
    for title, lines in warnings(one):
        items = ["- " + "".join(_code(part) if isinstance(part, Code) else part for part in line) for line in lines]
        yield _section(title, items, folded=len(items) > OPEN_ITEMS)
    yield from _objects(one.shown.changes)


def _section(title: str, items: Sequence[str], *, folded: bool) -> Block:
    head = f"<details{'' if folded else ' open'}><summary><b>{html.escape(title)}</b> ({len(items)})</summary>\n"
    return Block(head, items, "\n</details>", f"lines of “{title}”")


def _table(changes: Sequence[Change]) -> Block:
    by_component: dict[str, Counter[str]] = {}
    for change in changes:
        kinds = by_component.setdefault(change.one.component, Counter())
        kinds["labels" if change.version_only else change.action] += 1
    rows = [
        f"| {name} | {kinds['added']} | {kinds['changed']} | {kinds['labels']} | {kinds['removed']} |"
        for name, kinds in sorted(by_component.items())
    ]
    head = "| component | added | changed | changed in version labels only | removed |\n| --- | --: | --: | --: | --: |"
    return Block(head, rows, "", "components") if rows else Block("", [], "", "")


def _objects(changes: Sequence[Change]) -> Iterator[Block]:
    """Every object that is not the same, by component."""
    for component in sorted({change.one.component for change in changes}):
        mine = [change for change in changes if change.one.component == component]
        items = [
            f"- {change.action}: {_code(change.one.label)}{_hook(change)}{_paths(change)}"
            for change in sorted(mine, key=lambda change: (change.action, change.file))
            if not change.version_only
        ]
        labels = [_code(change.one.label) for change in mine if change.version_only]
        if labels:
            items.append(f"- changed in their chart's version labels only ({len(labels)}): {', '.join(labels)}")
        yield _section(f"Objects of {component}", items, folded=True)


def _hook(change: Change) -> str:
    return f" (hook: {', '.join(change.one.hooks)})" if change.one.hooks else ""


def _paths(change: Change) -> str:
    if change.one.kind == CRD:
        return ""  # thousands, and its own section says what they come to
    fields = change.telling_fields
    parts = [_code(text_of(path)) for path in fields[:SHOWN_PATHS]]
    parts += ["what it holds (not shown)"] if change.secret else []
    parts += ["its resource in the program"] if change.renamed else []
    more = f" and {len(fields) - SHOWN_PATHS} more" if len(fields) > SHOWN_PATHS else ""
    return f": {', '.join(parts)}{more}" if parts else ""


def _code(text: str) -> str:
    # A pipe or an at sign means nothing inside of backticks; a backtick itself cannot be in a Kubernetes name.
    return f"`{text.replace('`', chr(39))}`" if text else ""
