"""The rules of policy/ before a whole stack: what its program declares, and what the charts of its releases bring.

The engine shows a policy pack the releases with their values; what the charts make of those, only rendering shows.
"""

from policy.pack.rule import Violation
from policy.pack.rules import violations
from policy.pack.settings import PROJECT, SECTION, PackSettings, settings_of
from policy.pack.subjects import Subject, object_of, subject_of

from ..consistency.stack import judged as judged_whole
from ..consistency.verdict import RULE as CONSISTENT
from ..render.helm import RenderTarget
from ..render.stack import RenderedStack
from ..stack import Stack


def policy_settings(stack: Stack) -> PackSettings:
    """What a stack asks of the rules."""
    return settings_of(stack.config.get(f"{PROJECT}:{SECTION}"))


def judged(stack: Stack, target: RenderTarget) -> tuple[RenderedStack, list[Violation]]:
    """A rendered stack, and every rule that it breaks. Raises what `Stack.rendered` raises."""
    rendered, subjects = whole_stack(stack, target)
    apart = judged_whole(stack, target).broken
    return rendered, [
        *violations(subjects, policy_settings(stack)),
        *(Violation(CONSISTENT, object_of(broken.subject.manifest), broken.message) for broken in apart),
    ]


def whole_stack(stack: Stack, target: RenderTarget) -> tuple[RenderedStack, list[Subject]]:
    """A rendered stack, and all that rules look at: what the program declares, then what its charts bring."""
    rendered = stack.rendered(target)
    declared = (subject_of(resource.type, resource.inputs, resource.urn) for resource in stack.recording.resources)
    brought = (object_of(object_.manifest) for object_ in rendered.objects if object_.release)
    return rendered, [*(item for item in declared if item is not None), *brought]
