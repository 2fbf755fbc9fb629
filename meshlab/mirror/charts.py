"""Pulls charts from where they are published, and keeps only those that are what charts.lock says."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from base import process
from base.errors import MeshlabError
from base.files import sha256
from settings.charts import ChartSource, package_name

from ..charts.lock import Chart, ChartLock, Locked, flat, require
from ..lab import settings_of, wanted_charts
from ..recording.chartless import chartless
from ..recording.recorder import ROOT, stack_config

PULL_LIMIT_SECONDS = 300.0


def charts_of(stacks: Iterable[str], project_dir: Path = ROOT) -> list[Chart]:
    """The charts that stacks install, wherever they take them from. Raises ProgramError."""
    wanted: set[Chart] = set()
    for stack in stacks:
        config = stack_config(stack, project_dir)
        over, _ = chartless(config)
        wanted |= set(flat(wanted_charts(settings_of(stack, {**config, **(over or {})}))))
    return sorted(wanted)


def fetch(
    charts: Iterable[Chart], source: ChartSource, out: Path, lock: ChartLock, helm: Path, *, required: bool
) -> dict[Chart, bool]:
    """Put charts into the folder `out`, all or none; returns which of them are locked.

    Raises MeshlabError for one that cannot be had, is not what the lock says, or with `required` is not locked.
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
        raise MeshlabError(
            f"{source.source}: expected a repository, got a folder: what lies there, nobody has published"
        )
    with tempfile.TemporaryDirectory(prefix="meshlab-charts-") as work:
        return {
            chart: Locked(sha256(_pulled(chart, source, helm, Path(work))), _address(chart, source)) for chart in charts
        }


def _pulled(chart: Chart, source: ChartSource, helm: Path, folder: Path) -> Path:
    name, version = chart
    if source.folder is not None:
        file = source.folder / package_name(name, version)
        if not file.is_file():
            raise MeshlabError(f"{source.folder}: expected {file.name} there, got no such file")
        return file
    ref = source.ref(name, version)
    repository = ref.get("repositoryOpts", {}).get("repo")
    command = [helm, "pull", ref["chart"], "--version", version, "--destination", folder]
    try:
        process.run([*command, *(["--repo", repository] if repository else [])], timeout=PULL_LIMIT_SECONDS)
    except process.ProcessError as error:
        raise MeshlabError(
            f"the chart {name} {version} cannot be had from {_address(chart, source)}: {error}"
        ) from None
    return folder / package_name(name, version)


def _address(chart: Chart, source: ChartSource) -> str:
    """Where a chart comes from, as a person would look it up."""
    ref = source.ref(*chart)
    return ref.get("repositoryOpts", {}).get("repo") or ref["chart"]
