"""Do the objects that the stack is going to create fit together?"""

from collections.abc import Iterator

from .finding import Finding, Level
from .plan import Plan


def objects(plan: Plan) -> Iterator[Finding]:
    """One problem for each value that keeps them from it."""
    for text, fix in plan.broken:
        yield Finding("objects", Level.PROBLEM, text, fix)
    if not plan.broken:
        yield Finding("objects", Level.OK, "what one names, another brings")
