"""What a whole run of verify shows, as a document for programs; docs/verify.md describes its fields."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from base import process
from base.files import write_private
from base.wording import counted

from ..state_folder import STATE
from .outcome import Result, Status

SCHEMA = 1
GIT_LIMIT_SECONDS = 30.0
COUNTED: Mapping[Status, str] = MappingProxyType(
    {Status.PASSED: "passed", Status.FAILED: "failed", Status.NOT_APPLICABLE: "not_applicable"}
)
"""The keys of `counts`."""


class RunVerdict(StrEnum):
    """What a run says as a whole; the values stand in the document."""

    PASSED = "passed"
    """Something passed, and nothing failed."""
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Nothing failed, but nothing passed either: the run shows nothing."""

    @property
    def exit_code(self) -> int:
        """Of `meshlab verify`; that of a run that shows nothing is that of one that could not be made."""
        return {RunVerdict.PASSED: 0, RunVerdict.FAILED: 1, RunVerdict.INCONCLUSIVE: 2}[self]


@dataclass(frozen=True)
class Commit:
    """The tree that a run compared the cluster with."""

    commit: str | None
    """Git's HEAD; None where the tree is no repository."""
    dirty: bool | None
    """Whether the tree has changes beside that commit, new files included."""


@dataclass(frozen=True)
class Subject:
    """What was looked at."""

    stack: str
    cluster: str
    """What the cluster is called, and its API server's URL."""
    embedded: bool
    """True for the embedded cluster, where no pod really runs."""
    kubernetes: str
    """Version of the API server."""
    tree: Commit
    labs: tuple[int, ...]
    """The labs whose checks ran."""


@dataclass(frozen=True)
class Report:
    """A finished run."""

    subject: Subject
    started: datetime
    finished: datetime
    checks: tuple[Result, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many checks came to what; what does not apply never counts as passed."""
        found = Counter(result.status for result in self.checks)
        return {key: found[status] for status, key in COUNTED.items()}

    @property
    def verdict(self) -> RunVerdict:
        """What all checks together say."""
        if self.counts["failed"]:
            return RunVerdict.FAILED
        return RunVerdict.PASSED if self.counts["passed"] else RunVerdict.INCONCLUSIVE

    def document(self) -> dict[str, Any]:
        """The report for programs."""
        subject = self.subject
        return {
            "schema": SCHEMA,
            "stack": subject.stack,
            "cluster": subject.cluster,
            "embedded": subject.embedded,
            "kubernetes": subject.kubernetes,
            "commit": subject.tree.commit,
            "dirty": subject.tree.dirty,
            "labs": list(subject.labs),
            "started": _utc(self.started),
            "finished": _utc(self.finished),
            "seconds": round((self.finished - self.started).total_seconds(), 1),
            "result": self.verdict.value,
            "counts": self.counts,
            "checks": [
                {**asdict(check), "status": check.status.value, "details": list(check.details)} for check in self.checks
            ],
        }

    def json(self) -> str:
        """The document as text."""
        return json.dumps(self.document(), indent=1) + "\n"

    def summary(self) -> list[str]:
        """Lines for a person: how many of what, and what that means."""
        counts, seconds = self.counts, (self.finished - self.started).total_seconds()
        lines = [
            f"{counted(len(self.checks), 'check')} of {self.subject.stack} on the {self.subject.cluster}: "
            f"{counts['passed']} passed, {counts['failed']} failed, "
            f"{counts['not_applicable']} not applicable here ({seconds:.1f} s)"
        ]
        if self.verdict is RunVerdict.FAILED:
            lines.append(f"FAILED: {', '.join(result.id for result in self.checks if result.status is Status.FAILED)}")
        elif self.verdict is RunVerdict.INCONCLUSIVE:
            lines.append("NOTHING SHOWN: no check applies here, so that this is no pass")
        else:
            lines.append("PASSED" + (", as far as can be seen here" if counts["not_applicable"] else ""))
        return lines


def commit_of(root: Path) -> Commit:
    """What is checked out in `root`, and whether it was changed since."""
    try:
        head = _git(root, "rev-parse", "HEAD").strip()
        return Commit(head, bool(_git(root, "status", "--porcelain").strip()))
    except process.ProcessError:
        return Commit(None, None)


def report_file(stack: str, state: Path = STATE) -> Path:
    """Where the last report of a stack is kept."""
    return state / "verify" / f"{stack}.json"


def forget(stack: str, state: Path = STATE) -> None:
    """Remove the last report: while a run is under way, and where one does not come to its end, there is none."""
    report_file(stack, state).unlink(missing_ok=True)


def keep(report: Report, state: Path = STATE) -> Path:
    """Keep a report as the last one of its stack; returns where."""
    path = report_file(report.subject.stack, state)
    write_private(path, report.json())
    return path


def _git(root: Path, *args: str) -> str:
    return process.run(["git", "-C", root, *args], timeout=GIT_LIMIT_SECONDS).stdout


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def labs_of(results: Sequence[Result]) -> tuple[int, ...]:
    """The labs that results are of."""
    return tuple(sorted({result.lab for result in results}))
