"""The tools that are compared. Each does the phases of `bench.course` on a field of its own."""

from collections.abc import Mapping

from .empty import Empty
from .helm import HelmInARow, HelmSideBySide
from .helmfile import Helmfile
from .program import Lab, PlannedUpdate, Pulumi
from .tool import MeasuredTool, ToolAbsentError

TOOLS: Mapping[str, type[MeasuredTool]] = {
    tool.name: tool for tool in (Lab, Pulumi, PlannedUpdate, HelmInARow, HelmSideBySide, Helmfile, Empty)
}
"""In the order in which they are shown, by the name that results are kept under."""

__all__ = ["TOOLS", "MeasuredTool", "ToolAbsentError"]
