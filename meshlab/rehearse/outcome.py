"""What a rehearsal has found: a cell for each check in each minor, as a table and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class RehearsalResult(StrEnum):
    """What came of one check; the values stand in the document."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should look at it before long."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """A check before it failed, so that this one says nothing."""


class RehearsedCheck(StrEnum):
    """The checks, in the order of the table; the values stand in the document."""

    SUPPORT = "supported"
    UP = "up"
    PREVIEW = "preview"
    SERVED = "served"
    DEPRECATED = "deprecated"
    REQUESTS = "requests"
    DOWN = "down"

    @property
    def label(self) -> str:
        """How the table calls it."""
        return LABELS[self]


LABELS: Mapping[RehearsedCheck, str] = MappingProxyType(
    {
        RehearsedCheck.SUPPORT: "Istio supports it",
        RehearsedCheck.UP: "comes up",
        RehearsedCheck.PREVIEW: "previews clean",
        RehearsedCheck.SERVED: "its API versions are served",
        RehearsedCheck.DEPRECATED: "its objects are not deprecated",
        RehearsedCheck.REQUESTS: "its programs ask no deprecated API",
        RehearsedCheck.DOWN: "comes down",
    }
)


@dataclass(frozen=True)
class Cell:
    """What came of a check in one minor."""

    result: RehearsalResult
    text: str = ""
    """A few words for the table."""
    details: tuple[str, ...] = ()
    """What people need to know to mend it, a line each."""

    @property
    def shown(self) -> str:
        """What the table has."""
        word = self.result.name if self.result is RehearsalResult.FAILED else self.result.value
        return f"{word}: {self.text}" if self.text else word


SKIPPED = Cell(RehearsalResult.SKIPPED)


@dataclass(frozen=True)
class Rehearsal:
    """One stack on one minor."""

    minor: str
    kubernetes: str
    """The version that stood for it, such as `v1.35.4`."""
    cells: Mapping[RehearsedCheck, Cell]
    seconds: float

    @property
    def well(self) -> bool:
        """Whether nothing failed; what is deprecated still works."""
        return all(cell.result is not RehearsalResult.FAILED for cell in self.cells.values())

    @property
    def warned(self) -> bool:
        """Whether something works that will not for ever."""
        return any(cell.result is RehearsalResult.WARNING for cell in self.cells.values())


def lines(stack: str, rehearsals: Sequence[Rehearsal]) -> list[str]:
    """The table, what there is to know of each cell that is not well, and the verdict."""
    rows = [["", *(rehearsal.kubernetes for rehearsal in rehearsals)]]
    rows += [[check.label, *(rehearsal.cells[check].shown for rehearsal in rehearsals)] for check in RehearsedCheck]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    told = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for rehearsal in rehearsals:
        for check in RehearsedCheck:
            cell = rehearsal.cells[check]
            if cell.details:
                told += ["", f"{rehearsal.kubernetes} {check.label}: {cell.shown}"]
                told += [f"  {line}" for detail in cell.details for line in detail.splitlines()]
    return [*told, "", *(_verdict(stack, rehearsal) for rehearsal in rehearsals)]


def document(stack: str, rehearsals: Sequence[Rehearsal]) -> str:
    """The same for programs."""
    return json.dumps({"stack": stack, "minors": [_entry(rehearsal) for rehearsal in rehearsals]}, indent=1)


def _verdict(stack: str, one: Rehearsal) -> str:
    failed = [check.label for check in RehearsedCheck if one.cells[check].result is RehearsalResult.FAILED]
    if failed:
        return f"{stack} on Kubernetes {one.kubernetes}: NOT WELL: {', '.join(failed)} ({one.seconds:.0f} s)"
    return (
        f"{stack} on Kubernetes {one.kubernetes}: well{', with warnings' if one.warned else ''} ({one.seconds:.0f} s)"
    )


def _entry(one: Rehearsal) -> dict[str, Any]:
    return {
        "minor": one.minor,
        "kubernetes": one.kubernetes,
        "well": one.well,
        "seconds": round(one.seconds, 1),
        "checks": [
            {
                "check": check.value,
                "result": one.cells[check].result.value,
                "text": one.cells[check].text,
                "details": list(one.cells[check].details),
            }
            for check in RehearsedCheck
        ],
    }
