"""The two trees that are compared: the working tree, and a revision of the repository in a temporary folder."""

import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from base import process
from base.errors import MeshlabError

from ..recording import chartless
from ..recording.recorder import ROOT, Recorded
from .masking import GENERATED

MAIN = ("main", "origin/main")
"""Where the default base is looked for: a fresh clone of a branch has only the second."""
GIT_LIMIT_SECONDS = 60.0
RECORD_LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Revision:
    """A commit, and how to speak of it."""

    commit: str
    label: str


@dataclass(frozen=True)
class RecordedStack:
    """What one tree's program registers for a stack."""

    resources: tuple[Recorded, ...]
    source: str | None
    """Where the stack wants its charts from, if it says so."""


def base_revision(root: Path, asked: str | None) -> Revision:
    """The commit to compare with: the one asked for, else the merge base with main. Raises MeshlabError."""
    if asked is not None:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{asked}^{{commit}}")
        if commit is None:
            raise MeshlabError(
                f"{asked}: expected a revision of this repository, got none of that name",
                "a shallow clone lacks most of them: fetch it, or clone with the whole history",
            )
        return Revision(commit, f"{asked} ({commit[:7]})" if not commit.startswith(asked) else commit[:7])
    for main in MAIN:
        commit = _git(root, "merge-base", "HEAD", main)
        if commit is not None:
            return Revision(commit, f"{commit[:7]} (merge base with {main})")
    raise MeshlabError(
        f"{root}: expected a git repository with a commit in common with {' or '.join(MAIN)}, got none",
        "name the revision to compare with: meshlab diff BASE",
    )


@contextmanager
def checked_out(root: Path, revision: Revision) -> Generator[Path]:
    """The files of a revision in a folder that is gone after. The repository and its working tree are left alone."""
    with tempfile.TemporaryDirectory(prefix="meshlab-diff-") as work:
        archive, tree = Path(work) / "base.tar", Path(work) / "base"
        if _git(root, "archive", "--format=tar", f"--output={archive}", revision.commit) is None:
            raise MeshlabError(f"{revision.label}: git cannot write its files")
        with tarfile.open(archive) as packed:
            packed.extractall(tree, filter="data")
        yield tree


def stacks_of(tree: Path) -> list[str]:
    """The stacks that have a file in a tree."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in tree.glob("Pulumi.*.yaml"))


def recorded(tree: Path, label: str, stacks: Sequence[str]) -> dict[str, RecordedStack]:
    """What the program of a tree registers for each of its stacks.

    It is the tree's own program, in a process of its own, run by this tree's recorder: two revisions then differ in
    their programs alone, and one from before there was a recorder can be read too. Raises MeshlabError.
    """
    if not stacks:
        return {}
    with tempfile.TemporaryDirectory(prefix="meshlab-record-") as work:
        result = Path(work) / "result.json"
        # -P: the folder of the script must not be searched for modules; the tree alone is.
        command = [sys.executable, "-P", chartless.__file__, ROOT, tree, result, GENERATED, *stacks]
        try:
            # No __pycache__ in a working tree that we only look at.
            quiet = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "PULUMI_CONFIG": None}
            process.run(command, timeout=RECORD_LIMIT_SECONDS, cwd=tree, env=quiet)
        except process.CommandFailedError as error:
            reason = error.completed.last_words()
            raise MeshlabError(
                f"{label}: its program does not run with the packages installed here: {reason}"
            ) from None
        found = cast(dict[str, dict[str, Any]], json.loads(result.read_text(encoding="utf-8")))
    for stack, answer in found.items():
        if "error" in answer:
            problem = " ".join(line.strip() for line in str(answer["error"]).splitlines() if line.strip())
            raise MeshlabError(f"{label}: its program refuses stack {stack}: {problem}")
    return {
        stack: RecordedStack(tuple(_resource(entry) for entry in answer["resources"]), answer["source"])
        for stack, answer in found.items()
    }


def _resource(entry: dict[str, Any]) -> Recorded:
    fields: dict[str, Any] = {**entry, "depends_on": tuple(cast(list[str], entry["depends_on"]))}
    return Recorded(**fields)


def _git(root: Path, *words: str) -> str | None:
    """What a git command says, or None where it fails. A hook's environment must not point it at another tree."""
    elsewhere = {name: None for name in os.environ if name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    done = process.run(["git", *words], timeout=GIT_LIMIT_SECONDS, cwd=root, env=elsewhere, check=False)
    return done.stdout.strip() if done.code == 0 else None
