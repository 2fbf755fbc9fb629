"""The verdict over a stack that was rendered, with renderings of the same stack for other configurations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..recording.chartless import chartless
from ..recording.recorder import ROOT, ProgramError, record
from ..recording.releases import ReleaseError
from ..render.masking import GENERATED
from ..render.stack import RenderedStack, Renderer
from .check import inconsistencies
from .finding import Inconsistency
from .verdict import Verdict, verdict


def judged(rendered: RenderedStack, config: Mapping[str, Any], renderer: Renderer, project_dir: Path = ROOT) -> Verdict:
    """The verdict over a rendered stack, where `config` is what its file says.

    Renders no more where everything fits; else the stack is rendered without one value after the other.
    """
    once = renderer.once()

    def trial(other: Mapping[str, Any]) -> list[Inconsistency] | None:
        over, source = chartless(other, renderer.asked)
        try:
            recording = record(
                rendered.stack,
                project_dir=project_dir,
                config={**other, **(over or {})},
                generated=GENERATED,
                masked=True,
            )
            objects = once.recorded(rendered.stack, recording.resources, source).objects
        except (ProgramError, ReleaseError):
            return None
        return inconsistencies(objects)

    return verdict(rendered.objects, config, trial)
