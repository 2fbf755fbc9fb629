"""What drift says: lines for a person, one object after the other, or JSON for a program."""

import json
from collections.abc import Iterator, Sequence

from .finding import Finding
from .look import Seen

SHOWN_FIELDS = 12


def lines(seen: Seen, stack: str, hooks: int, seconds: float) -> Iterator[str]:
    """The report for a person."""
    for one in seen.findings:
        yield f"{one.what:8} {one.label} ({one.owner})" + (f": {one.note}" if one.note else "")
        for difference in one.differences[:SHOWN_FIELDS]:
            yield f"           {difference.line}"
        if len(one.differences) > SHOWN_FIELDS:
            yield f"           and {len(one.differences) - SHOWN_FIELDS} more fields (all of them: --json)"
    for what, why in sorted(seen.silent.items()):
        yield f"could not be asked: {what} ({why})"
    for label in seen.uncompared:
        yield f"not compared: {label}"
    found = counted(seen.findings)
    yield f"{stack}: {found} among {seen.compared} objects, {hooks} hooks of charts left out ({seconds:.1f} s)"


def counted(findings: Sequence[Finding]) -> str:
    """`no drift`, or how many objects are edited, deleted and extra."""
    if not findings:
        return "no drift"
    kinds = [str(one.what) for one in findings]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


def document(seen: Seen, stack: str, seconds: float, fixed: Sequence[Finding]) -> str:
    """The report as JSON. `fixed` is what was found before and is as it should be now."""
    content = {
        "stack": stack,
        "compared": seen.compared,
        "seconds": round(seconds, 1),
        "silent": dict(seen.silent),
        "uncompared": list(seen.uncompared),
        "drift": [one.json() for one in seen.findings],
        "fixed": [one.json() for one in fixed],
    }
    return json.dumps(content, indent=1)
