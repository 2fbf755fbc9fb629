"""The differences as git would show them."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from base import process

from ..comparison.changes import Change
from ..comparison.stacks import Comparison
from ..render.folder import write_files

DIFF_LIMIT_SECONDS = 120.0
RELEASES = "releases.yaml"


def unified(comparisons: Iterable[Comparison]) -> str:
    """The unified diff of several stacks. What a Secret holds is not shown; that it changes is."""
    return "".join(
        text
        for comparison in comparisons
        for text in (*file_diffs(comparison, comparison.changes).values(), *_hidden(comparison))
    )


def file_diffs(one: Comparison, changes: Iterable[Change]) -> dict[str, str]:
    """The unified diff of each file of some changes, and of the releases, by its path in the stack's folder.

    As git writes it; sorted.
    """
    before, after = (side.release_list() if side else [] for side in (one.before, one.after))
    contents: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    if before != after:
        contents = {RELEASES: before}, {RELEASES: after}
    for change in changes:
        for content, side in zip(contents, (change.before, change.after), strict=True):
            if side is not None:
                content[change.file] = side.manifest
    with tempfile.TemporaryDirectory(prefix="meshlab-diff-") as work:
        for folder, content in zip(("a", "b"), contents, strict=True):
            top = Path(work) / folder / one.stack
            top.mkdir(parents=True)
            write_files(top, content)
        text = _git_diff(Path(work))
    parts = re.split(rf"^diff --git [ab]/{re.escape(one.stack)}/(\S+) .*\n", text, flags=re.MULTILINE)[1:]
    # For a file that is on one side only, git names that side twice.
    return {
        path: f"diff --git a/{one.stack}/{path} b/{one.stack}/{path}\n{body}"
        for path, body in zip(parts[::2], parts[1::2], strict=True)
    }


def _hidden(one: Comparison) -> Iterator[str]:
    yield from (f"# {one.stack}: {line}\n" for line in one.other_changes)
    for change in one.changes:
        yield from (f"# {one.stack}/{change.file}: {note}\n" for note in notes(change))


def notes(change: Change) -> Iterator[str]:
    """What changes of an object and is in no diff."""
    if change.secret:
        yield "what this Secret holds changes (not shown)"
    if change.renamed and change.before and change.after:
        yield f"resource {change.before.resource} becomes {change.after.resource} without an alias"


def _git_diff(work: Path) -> str:
    # The folders are called a and b, so that without prefixes of git's own the paths read as those of any patch.
    options = ("--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
    done = process.run(
        ["git", "-c", "core.quotepath=false", "diff", *options, "--unified=3", "a", "b"],
        timeout=DIFF_LIMIT_SECONDS,
        cwd=work,
        env={"GIT_DIR": None, "GIT_WORK_TREE": None, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
        check=False,
    )
    if done.code not in (0, 1):
        raise process.CommandFailedError(done)
    return done.stdout
