"""Pulls charts from where they are published, and keeps only those that are what charts.lock says."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from base.errors import MeshlabError
from base.files import sha256
from settings.charts import Chart, ChartSource

from ..charts.lock import ChartLock, Locked, require
from ..charts.pull import address, in_folder, pull
from ..stack import Stack


def charts_of(stacks: Iterable[Stack]) -> list[Chart]:
    """The charts that stacks install, wherever they take them from. Raises ProgramError."""
    return sorted({chart for stack in stacks for chart in stack.without_source().wanted})


def fetch(
    charts: Iterable[Chart], source: ChartSource, out: Path, lock: ChartLock, helm: Path, *, required: bool
) -> dict[Chart, bool]:
    """Put charts into the folder `out`, all or none; returns which of them are locked.

    Raises MeshlabError for one that is not what the lock says, or with `required` is not locked, and MeshlabError.
    """
    with tempfile.TemporaryDirectory(prefix="meshlab-charts-") as work:
        files = {chart: _pulled(chart, source, helm, Path(work)) for chart in charts}
        locked = {chart: lock.check(chart, file) for chart, file in files.items()}
        if required:
            require(locked)
        out.mkdir(parents=True, exist_ok=True)
        for file in files.values():
            # Beside its place first: a copy that is cut off must not be taken for the chart.
            draft = out / f".{file.name}.new"
            shutil.copyfile(file, draft)
            draft.replace(out / file.name)
    return locked


def published(charts: Iterable[Chart], source: ChartSource, helm: Path) -> dict[Chart, Locked]:
    """The digests of charts as their repositories serve them now. Raises MeshlabError."""
    if source.folder is not None:
        raise MeshlabError(f"{source.source}: expected a repository, got a folder: its charts are not published")
    with tempfile.TemporaryDirectory(prefix="meshlab-charts-") as work:
        return {
            chart: Locked(sha256(_pulled(chart, source, helm, Path(work))), address(chart, source)) for chart in charts
        }


def _pulled(chart: Chart, source: ChartSource, helm: Path, folder: Path) -> Path:
    return in_folder(chart, source.folder) if source.folder is not None else pull(chart, source, folder, helm)
