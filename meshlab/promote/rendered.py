"""What a stack's rendered objects are now, and what they are with another stack file."""

from typing import Any

from ..comparison.stacks import Comparison
from ..lab import Config
from ..recording.chartless import chartless
from ..recording.recorder import record
from ..render.masking import GENERATED
from ..render.stack import RenderedStack, Renderer

NOW = "the stack file as it is"


def comparison(stack: str, before: Config, after: Config, renderer: Renderer) -> Comparison:
    """A stack with one config against the same with another. Raises what Renderer and record raise."""
    # The recorder lays what it is given over the file: a section that goes is an empty one there.
    gone: dict[str, Any] = {key: {} for key in before if key not in after}
    return Comparison(stack, NOW, _rendered(stack, before, renderer), _rendered(stack, {**gone, **after}, renderer))


def _rendered(stack: str, config: Config, renderer: Renderer) -> RenderedStack:
    over, source = chartless(config, renderer.asked)
    recording = record(stack, config={**config, **(over or {})}, generated=GENERATED, masked=True)
    return renderer.recorded(stack, recording.resources, source)
