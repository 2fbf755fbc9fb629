"""Do the objects that the stack is going to create fit together?"""

from collections.abc import Iterator

from ..preflight.finding import Finding, Level
from .plan import Demands


def objects(plan: Demands) -> Iterator[Finding]:
    """One problem for each kind of thing that keeps them from it, one note for what has to be there already."""
    for text, fix in plan.broken:
        yield Finding("objects", Level.PROBLEM, text, fix)
    for text in plan.given:
        yield Finding("objects", Level.NOTE, text)
    if not plan.broken:
        yield Finding("objects", Level.OK, "what one names, another brings")
