"""The folder of charts that the cluster and engine tiers install from."""

import os
from pathlib import Path

import pytest

from meshlab.charts import ChartSourceError, pack_stand_ins
from meshlab.lab import STAND_INS, settings_of, wanted_charts
from meshlab.recorder import stack_config
from meshlab.toolchain import ToolsMissingError

REAL_CHARTS = "MESHLAB_CHARTS"
"""Names a folder with the real charts, where one can be had; without it, the stand-ins of tests/charts are packed."""


def chart_folder(stack: str) -> Path:
    """Packed charts for a stack: real ones where the environment names them, else stand-ins. Skips where neither is."""
    if os.environ.get(REAL_CHARTS):
        return Path(os.environ[REAL_CHARTS])
    try:
        return pack_stand_ins(STAND_INS, wanted_charts(settings_of(stack, stack_config(stack))), print)
    except (ChartSourceError, ToolsMissingError) as missing:
        pytest.skip(str(missing))
