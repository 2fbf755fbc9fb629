"""Takes a chart from where a stack gets its charts: a file of a folder, or what `helm pull` brings."""

from pathlib import Path

from base import process
from base.errors import MeshlabError
from settings.charts import Chart, ChartSource

LIMIT_SECONDS = 300.0


def pull(chart: Chart, source: ChartSource, folder: Path, helm: Path) -> Path:
    """Run `helm pull` for a chart of a repository; returns its file, in `folder`. Raises MeshlabError."""
    ref = source.ref(*chart)
    repository = ref.get("repositoryOpts", {}).get("repo")
    command = [helm, "pull", ref["chart"], "--version", chart.version, "--destination", folder]
    try:
        process.run([*command, *(["--repo", repository] if repository else [])], timeout=LIMIT_SECONDS)
    except process.ProcessError as error:
        raise MeshlabError(
            f"the chart {chart.name} {chart.version} cannot be downloaded from {address(chart, source)}: {error}"
        ) from None
    return folder / chart.file


def in_folder(chart: Chart, folder: Path, why: str = "") -> Path:
    """The file of a chart in a folder; `why` says what needs it. Raises MeshlabError where the file is missing."""
    file = folder / chart.file
    if not file.is_file():
        raise MeshlabError(f"charts: expected {file.name} in {folder}{why}, got no such file")
    return file


def address(chart: Chart, source: ChartSource) -> str:
    """Where a chart comes from, as a person would look it up."""
    ref = source.ref(*chart)
    return ref.get("repositoryOpts", {}).get("repo") or ref["chart"]
