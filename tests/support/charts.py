"""The folder of charts that the cluster and engine tiers install from."""

import os
from pathlib import Path

import pytest

from embedded.tools.toolchain import ToolsMissingError
from meshlab.charts.choice import versions
from meshlab.charts.source import STAND_INS_FOLDER, ChartSourceError, pack_stand_ins
from meshlab.stack import Stack
from meshlab.stackfile.reading import Config

REAL_CHARTS = "MESHLAB_CHARTS"
"""Names a folder with the real charts. Without it, the stand-ins of embedded/charts are packed."""


def chart_folder(stack: str, over: Config | None = None) -> Path:
    """Packed charts for a stack, with the sections of `over` laid over its settings: real ones where the environment
    names them, else stand-ins. Skips where neither is."""
    if os.environ.get(REAL_CHARTS):
        return Path(os.environ[REAL_CHARTS])
    try:
        return pack_stand_ins(STAND_INS_FOLDER, versions(Stack.load(stack, overlay=over).wanted), print)
    except (ChartSourceError, ToolsMissingError) as missing:
        pytest.skip(str(missing))
