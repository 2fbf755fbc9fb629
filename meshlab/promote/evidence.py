"""Whether a stack has shown that it works, as it is now: its last verify report, held against what was done since."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from base.errors import MeshlabError

from ..results.outcome import Status
from ..results.report import Commit, RunVerdict
from .updates import Update

SHOWN_CHECKS = 3


@dataclass(frozen=True)
class Evidence:
    """What speaks for a stack, beside its report."""

    tree: Commit
    """What is checked out here."""
    file_changed: bool
    """Whether the stack's file is not as it was committed."""
    update: Update | None
    """The stack's last change; None where nobody knows of any."""
    labs: frozenset[int]
    """The labs that the stack has checks of."""


def read_report(file: Path, stack: str) -> Mapping[str, Any] | None:
    """The last verify report of a stack, None where there is none. Raises MeshlabError where the file is no report."""
    if not file.is_file():
        return None
    try:
        document = cast(Mapping[str, Any], json.loads(file.read_text(encoding="utf-8")))
        missing = {"stack", "commit", "dirty", "labs", "started", "result", "checks"} - document.keys()
    except (ValueError, AttributeError):
        missing = {"JSON"}
    else:
        if not missing and document["stack"] == stack:
            return document
        if not missing:
            missing = {f"stack {stack}, got {document['stack']}"}
    raise MeshlabError(
        f"{file}: expected a report that `meshlab verify --stack {stack}` wrote; it lacks {', '.join(sorted(missing))}"
    )


def refusals(stack: str, report: Mapping[str, Any] | None, file: Path, evidence: Evidence) -> Iterator[str]:
    """Why nothing may be promoted from the stack, one line each with what to do; none where all is well."""
    again = f"meshlab verify --stack {stack}"
    if report is None:
        yield f"{file}: expected the last verify report of {stack}, got none (make one: {again})"
        return
    yield from _of_result(stack, report, evidence.labs, again)
    yield from _of_tree(stack, report, evidence, again)
    yield from _of_time(stack, report, evidence.update, again)


def _of_result(stack: str, report: Mapping[str, Any], labs: frozenset[int], again: str) -> Iterator[str]:
    if report["result"] != RunVerdict.PASSED:
        checks = cast(list[Mapping[str, Any]], report["checks"])
        failed = [str(check["id"]) for check in checks if check["status"] == Status.FAILED]
        more = f" and {len(failed) - SHOWN_CHECKS} more" if len(failed) > SHOWN_CHECKS else ""
        told = f": {', '.join(failed[:SHOWN_CHECKS])}{more}" if failed else ""
        yield (
            f"{stack}: expected its last verify to have passed, got {report['result']}{told} (fix it, then: {again})"
        )
    if not labs <= set(report["labs"]):
        seen = ", ".join(map(str, report["labs"])) or "none"
        yield f"{stack}: expected a verify of every lab, got one of lab {seen} only (do it whole: {again})"


def _of_tree(stack: str, report: Mapping[str, Any], evidence: Evidence, again: str) -> Iterator[str]:
    here, then = evidence.tree.commit, report["commit"]
    if here is None or then is None:
        yield f"{stack}: expected a git repository here and at its last verify, got none (promote from a clone)"
        return
    if here != then:
        yield (
            f"{stack}: expected a verify of this commit, {here[:7]}, got one of {str(then)[:7]} "
            f"(bring {stack} up from this commit, then: {again})"
        )
    if report["dirty"]:
        yield (
            f"{stack}: expected a verify of committed files, got one of {str(then)[:7]} with changes beside it "
            f"(commit them, bring {stack} up, then: {again})"
        )
    if evidence.file_changed:
        yield (
            f"Pulumi.{stack}.yaml: expected what was verified, got changes that are not committed "
            f"(commit them, bring {stack} up, then: {again}; or drop them: git checkout Pulumi.{stack}.yaml)"
        )


def _of_time(stack: str, report: Mapping[str, Any], update: Update | None, again: str) -> Iterator[str]:
    up, recover = f"meshlab up --stack {stack}", f"meshlab recover --stack {stack}"
    if update is None:
        yield (
            f"{stack}: expected to know of its last update, got no state of it here "
            f"(bring it up: {up}; or name its backend, as docs/backends.md has it)"
        )
        return
    started = datetime.fromisoformat(report["started"]).astimezone(UTC)
    at = _told(update.at)
    if update.removed:
        yield f"{stack}: expected a stack that runs, got one that was removed at {at} ({up}, then: {again})"
    elif update.interrupted:
        yield f"{stack}: expected a finished update, got one that was broken off at {at} ({recover}, then: {again})"
    elif started < update.at:
        yield (
            f"{stack}: expected a verify after its last update at {at}, got one that began at "
            f"{_told(started)} (do it again: {again})"
        )


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
