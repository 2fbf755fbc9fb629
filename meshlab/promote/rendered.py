"""What a stack's rendered objects are now, and what they are with another stack file."""

from ..comparison.stacks import Comparison
from ..render.helm import RenderTarget
from ..stack import Stack
from ..stackfile.reading import Config

NOW = "the stack file as it is"


def comparison(stack: Stack, after: Config, target: RenderTarget) -> Comparison:
    """A stack as it is against the same with another config. Raises what `Stack.rendered` raises."""
    return Comparison(stack.name, NOW, stack.rendered(target), stack.variant(after).rendered(target))
