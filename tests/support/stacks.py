"""The stacks of this tree: a new file is one more in every test that holds for all of them."""

from typing import Any

from meshlab.charts.choice import versions
from meshlab.recording.recorder import ROOT
from meshlab.render.trees import stacks_of
from meshlab.stack import Stack
from meshlab.stackfile.reading import Config
from settings.models import Settings

STACKS = stacks_of(ROOT)


def overlaid(stack: str, overlay: Config) -> dict[str, Any]:
    """The stack file's config with the sections of `overlay` laid over it, key by key."""
    return dict(Stack.load(stack, overlay=overlay).config)


def with_config(stack: str, config: Config) -> Stack:
    """The stack with this config in place of its file's."""
    return Stack.load(stack).variant(config)


def settings_of(stack: str, config: Config) -> Settings:
    """The settings of a stack's config."""
    return with_config(stack, config).settings


def wanted_charts(stack: str, config: Config) -> dict[str, list[str]]:
    """Versions by name of the charts that a stack with this config installs."""
    return versions(with_config(stack, config).wanted)
