"""The verdict over a stack, with renderings of the same stack for other configurations."""

from collections.abc import Mapping
from typing import Any

from ..recording.recorder import ProgramError
from ..recording.releases import ReleaseError
from ..render.helm import RenderTarget
from ..stack import Stack
from .check import inconsistencies
from .finding import Inconsistency
from .verdict import Verdict, verdict


def judged(stack: Stack, target: RenderTarget, *, once: bool = False) -> Verdict:
    """The verdict over a stack on a cluster such as `target`; `once` is as in `Stack.rendered`.

    Renders no more where everything fits; else the stack is rendered without one value after the other.
    """

    def trial(other: Mapping[str, Any]) -> list[Inconsistency] | None:
        try:
            objects = stack.variant(other).rendered(target, once=True).objects
        except (ProgramError, ReleaseError):
            return None
        return inconsistencies(objects)

    return verdict(stack.rendered(target, once=once).objects, stack.config, trial)
