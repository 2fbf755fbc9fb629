"""The differences as git would show them."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .. import process
from ..rendering.folder import write_files
from .comparison import Comparison

DIFF_LIMIT_SECONDS = 120.0
RELEASES = "releases.yaml"


def unified(comparisons: Iterable[Comparison]) -> str:
    """The unified diff of several stacks. What a Secret holds is not shown; that it changes is."""
    return "".join(text for one in comparisons for text in (*file_diffs(one).values(), *_hidden(one)))


def file_diffs(one: Comparison) -> dict[str, str]:
    """The unified diff of each file that differs, by its path in the stack's folder, as git writes it; sorted."""
    before, after = one.releases
    contents: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    if before != after:
        contents = {RELEASES: before}, {RELEASES: after}
    for change in one.changes:
        for content, side in zip(contents, (change.before, change.after), strict=True):
            if side is not None:
                content[change.file] = side.manifest
    with tempfile.TemporaryDirectory(prefix="meshlab-diff-") as work:
        for folder, content in zip(("a", "b"), contents, strict=True):
            top = Path(work) / folder / one.stack
            top.mkdir(parents=True)
            write_files(top, content)
        text = _git_diff(Path(work))
    parts = [part for part in re.split(r"^(?=diff --git )", text, flags=re.MULTILINE) if part]
    return {_path(part, one.stack): part for part in parts}


def _hidden(one: Comparison) -> Iterator[str]:
    for change in one.changes:
        if change.secret_only:
            yield f"# {one.stack}/{change.file}: what this Secret holds changes (not shown)\n"


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


def _path(part: str, stack: str) -> str:
    first = part.split("\n", 1)[0]
    return first.rpartition(f" b/{stack}/")[2]
