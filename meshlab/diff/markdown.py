"""The differences as a comment on a pull request: what matters first, and never longer than GitHub takes."""

import html
import re
from collections.abc import Sequence

from ..comparison.crds import CRD
from ..comparison.stacks import Comparison
from .blocks import Block, size, written
from .sections import counts, sections
from .unified import file_diffs

COMMENT_LIMIT = 65_536
"""Characters that GitHub takes in one comment. Counted here in bytes, which are never fewer."""
DIFF_LIMIT = 6_000
"""Bytes of one object's diff: a dashboard must not take the place of everything else."""


def markdown(
    comparisons: Sequence[Comparison], limit: int = COMMENT_LIMIT, remarks: Sequence[str] = (), whole: str = ""
) -> str:
    """The comment for several stacks. Where nothing changes and nothing has to be said, it is one line.

    `remarks` stand above it; `whole` says where all of the diff is to be seen.
    """
    text = "".join(f"> {line}\n" for line in remarks) + ("\n" if remarks else "")
    changed = [comparison for comparison in comparisons if not comparison.same]
    if not changed:
        return text + nothing_changed(comparisons) + "\n"
    same = [comparison for comparison in comparisons if comparison.same]
    if same:
        text += nothing_changed(same) + "\n\n"
    if whole:
        text += f"Full diff: {whole}\n\n"
    for place, one in enumerate(changed):
        share = (limit - size(text)) // (len(changed) - place)
        text += _stack(one, share, whole or f"`meshlab diff --stack {one.stack}` shows everything")
    return text


def nothing_changed(comparisons: Sequence[Comparison]) -> str:
    """One line that says that nothing changes in these stacks."""
    names = ", ".join(f"`{comparison.stack}`" for comparison in comparisons)
    stand_ins = any(comparison.rendered.charts.origin == "stand-ins" for comparison in comparisons)
    charts = " (with stand-in charts)" if stand_ins else ""
    return f"{names}: no rendered object changes against {comparisons[0].base}{charts}"


def _stack(one: Comparison, limit: int, whole: str) -> str:
    total = counts(one.shown.changes)
    head = [
        f"### `{one.stack}`: {total['added']} added, {total['changed']} changed, {total['removed']} removed",
        "",
        f"Against {one.base}, rendered for Kubernetes {one.rendered.target.kubernetes}.",
    ]
    if one.rendered.charts.notes:
        head += ["", *(f"> {note}" for note in one.rendered.charts.notes)]
    told = [*one.release_changes, *one.other_changes, *one.left_out]
    if told:
        head += ["", *(f"- {line}" for line in told)]
    blocks = [Block("\n".join(head), [], "", ""), *sections(one), *_diffs(one)]
    return written(blocks, limit, whole)


def _diffs(one: Comparison) -> list[Block]:
    changes = one.shown.changes
    texts = file_diffs(one, changes)
    items: list[str] = []
    # CRDs last: their list above says what matters, and each of them would fill the comment.
    for change in sorted(changes, key=lambda change: change.one.kind == CRD):
        if not change.version_only and change.file in texts:
            title = html.escape(f"{change.action}: {change.one.label}")
            items.append(f"<details><summary>{title}</summary>\n\n{_fenced(texts[change.file])}\n</details>")
    if not items:
        return []
    head = f"<details><summary><b>Diffs</b> ({len(items)})</summary>\n"
    return [Block(head, items, "</details>", "diffs")]


def _fenced(diff: str) -> str:
    """A diff without git's headers, cut, in a fence that nothing in it can close."""
    lines = diff.splitlines()
    hunks = next((number for number, line in enumerate(lines) if line.startswith("@@")), 0)
    kept: list[str] = []
    used = 0
    for line in lines[hunks:]:
        used += size(line) + 1
        if used > DIFF_LIMIT:
            break
        kept.append(line)
    cut = len(lines) - hunks - len(kept)
    ticks = max((len(found) for found in re.findall(r"`+", diff)), default=0)
    fence = "`" * max(3, ticks + 1)
    more = f"\n… and {cut} more lines\n" if cut else ""
    return "\n".join([f"{fence}diff", *kept, fence]) + more
