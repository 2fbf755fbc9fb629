"""The rules of policy/ before a whole stack: what its program declares, and what the charts of its releases bring.

The engine shows a policy pack the releases with their values; what the charts make of those, only rendering shows.
"""

from pathlib import Path

from policy.pack.rule import Violation
from policy.pack.rules import violations
from policy.pack.settings import PROJECT, SECTION, PackSettings, settings_of
from policy.pack.subjects import Subject, object_of, subject_of

from ..consistency.stack import judged as judged_whole
from ..consistency.verdict import RULE as CONSISTENT
from ..recording.chartless import chartless
from ..recording.recorder import ROOT, record, stack_config
from ..render.masking import GENERATED
from ..render.stack import RenderedStack, Renderer


def policy_settings(stack: str, project_dir: Path = ROOT) -> PackSettings:
    """What a stack's file asks of the rules."""
    return settings_of(stack_config(stack, project_dir).get(f"{PROJECT}:{SECTION}"))


def judged(stack: str, renderer: Renderer, project_dir: Path = ROOT) -> tuple[RenderedStack, list[Violation]]:
    """A rendered stack, and every rule that it breaks. Raises ProgramError, and what `Renderer.recorded` raises."""
    rendered, subjects = whole_stack(stack, renderer, project_dir)
    apart = judged_whole(rendered, stack_config(stack, project_dir), renderer, project_dir).broken
    return rendered, [
        *violations(subjects, policy_settings(stack, project_dir)),
        *(Violation(CONSISTENT, object_of(one.subject.manifest), one.message) for one in apart),
    ]


def whole_stack(stack: str, renderer: Renderer, project_dir: Path = ROOT) -> tuple[RenderedStack, list[Subject]]:
    """A rendered stack, and all that rules look at: what the program declares, then what its charts bring."""
    over, source = chartless(stack_config(stack, project_dir), renderer.asked)
    recording = record(stack, project_dir=project_dir, config=over, generated=GENERATED, masked=True)
    rendered = renderer.recorded(stack, recording.resources, source)
    declared = (subject_of(one.type, one.inputs, one.urn) for one in recording.resources)
    brought = (object_of(one.manifest) for one in rendered.objects if one.release)
    return rendered, [*(one for one in declared if one is not None), *brought]
