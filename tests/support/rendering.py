"""Real helm and charts for whole stacks: the real charts where the environment names them, else stand-ins."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from embedded.tools.toolchain import ToolsMissingError, ensure
from meshlab.charts.choice import Charts
from meshlab.render.helm import HelmRenderer, RenderTarget
from meshlab.render.stack import Renderer, default_kubernetes
from tests.support.charts import chart_folder


def renderer_of(stacks: Iterable[str]) -> Renderer:
    """A renderer with the charts of every one of the stacks. Skips where there is no helm and no way to build it."""
    try:
        helm = ensure(["helm"])["helm"]
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    folders: set[Path] = {chart_folder(stack) for stack in stacks}
    (folder,) = folders
    return Renderer(Charts(str(folder), print), HelmRenderer.of_process(helm))


TARGET = RenderTarget(default_kubernetes())
"""The embedded cluster."""
