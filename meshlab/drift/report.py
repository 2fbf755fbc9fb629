"""What drift says: lines for a person, one object after the other, or JSON for a program."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from base.wording import counted

from ..comparison.finding import DriftFinding, Ignored
from .look import DriftResult

SHOWN_FIELDS = 12


def lines(seen: DriftResult, stack: str, hooks: int, seconds: float, *, show_ignored: bool = False) -> Iterator[str]:
    """The report for a person. What the stack's rules ignore is counted, and listed with `show_ignored`."""
    for finding in seen.findings:
        yield from _told(str(finding.what), finding)
    yield from _ignored(seen.ignored, listed=show_ignored)
    yield from seen.remarks
    for what, why in sorted(seen.silent.items()):
        yield f"could not be asked: {what} ({why})"
    for label in seen.uncompared:
        yield f"not compared: {label}"
    among = f"{counted(seen.compared, 'object')}, {counted(hooks, 'hook')} of charts left out"
    yield f"{stack}: {summed(seen.findings)} among {among} ({seconds:.1f} s)"


def _told(what: str, one: DriftFinding) -> Iterator[str]:
    yield f"{what:8} {one.label} ({one.owner})" + (f": {one.note}" if one.note else "")
    for difference in one.differences[:SHOWN_FIELDS]:
        yield f"           {difference.line}"
    if len(one.differences) > SHOWN_FIELDS:
        yield f"           and {len(one.differences) - SHOWN_FIELDS} more fields (all of them: --json)"


def _ignored(ignored: Sequence[Ignored], *, listed: bool) -> Iterator[str]:
    for where, group in groupby(ignored, key=lambda one: one.where):
        mine = list(group)
        fields = sum(len(ignored.finding.differences) for ignored in mine)
        objects = counted(len(mine), "object")
        of = f"{counted(fields, 'field')} of {objects}" if fields else objects
        yield f"ignored: {of} by {where}: {mine[0].reason}" + ("" if listed else " (which: --show-ignored)")
        for entry in mine if listed else ():
            yield from (f"  {line}" for line in _told(str(entry.finding.what), entry.finding))


def summed(findings: Sequence[DriftFinding]) -> str:
    """`no drift`, or how many objects are edited, deleted and extra."""
    if not findings:
        return "no drift"
    kinds = [str(finding.what) for finding in findings]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


def document(seen: DriftResult, stack: str, seconds: float, fixed: Sequence[DriftFinding]) -> str:
    """The report as JSON. `fixed` is what was found before and is as it should be now."""
    content = {
        "stack": stack,
        "compared": seen.compared,
        "seconds": round(seconds, 1),
        "silent": dict(seen.silent),
        "uncompared": list(seen.uncompared),
        "drift": [finding.json() for finding in seen.findings],
        "fixed": [finding.json() for finding in fixed],
        "ignored": [ignored.json() for ignored in seen.ignored],
        "remarks": list(seen.remarks),
    }
    return json.dumps(content, indent=1)
