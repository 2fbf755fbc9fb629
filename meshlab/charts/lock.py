"""charts.lock: the sha256 of each chart as its repository publishes it, so that a mirror cannot pass off another."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from base.errors import MeshlabError
from base.files import sha256
from settings.charts import Chart

from ..recording.recorder import ROOT

LOCK = ROOT / "charts.lock"
_HEADER = """\
# The sha256 of charts as their repositories publish them. A chart whose file has another digest is refused.
# Written by `meshlab charts lock`, which adds what a stack's charts lack and changes no digest that stands here.
# `source` says where a digest was taken from. A chart that is not listed is told as not locked (docs/air_gap.md).
"""
_KEYS = {"name", "version", "sha256", "source"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Locked:
    """One chart of the lock."""

    sha256: str
    source: str


@dataclass(frozen=True)
class ChartLock:
    """The charts whose digests are known."""

    charts: Mapping[Chart, Locked]

    @classmethod
    def load(cls, path: Path = LOCK) -> "ChartLock":
        """Read a lock; one that is not there is empty. Raises MeshlabError."""
        if not path.is_file():
            return cls({})
        try:
            listed = cast(list[Any], (yaml.safe_load(path.read_text(encoding="utf-8")) or {})["charts"] or [])
            charts = {_chart(path, entry): Locked(entry["sha256"], entry["source"]) for entry in listed}
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise MeshlabError(f"{path.name}: expected a list `charts`, got {type(error).__name__}: {error}") from None
        if len(charts) != len(listed):
            raise MeshlabError(f"{path.name}: expected each chart and version once, got one of them twice")
        return cls(charts)

    def with_charts(self, more: Mapping[Chart, Locked]) -> "ChartLock":
        """This lock with the charts of `more` that it lacks. Raises MeshlabError where it has another digest."""
        for chart, locked in more.items():
            if chart in self.charts:
                _compare(chart, locked.sha256, self.charts[chart], locked.source)
        return ChartLock({**more, **self.charts})

    def text(self) -> str:
        """The file's content, sorted."""
        entries = [
            {"name": name, "version": version, "sha256": locked.sha256, "source": locked.source}
            for (name, version), locked in sorted(self.charts.items())
        ]
        return _HEADER + yaml.safe_dump({"charts": entries}, sort_keys=False, width=1000)

    def check(self, chart: Chart, file: Path) -> bool:
        """Whether a chart is locked; its file has been held to the digest then. Raises MeshlabError."""
        locked = self.charts.get(chart)
        if locked is not None:
            _compare(chart, sha256(file), locked, str(file))
        return locked is not None


def check_folder(folder: Path, charts: Iterable[Chart], path: Path = LOCK) -> dict[Chart, bool]:
    """Compare a folder's charts with their digests; returns which are locked. Raises MeshlabError where any differ."""
    lock = ChartLock.load(path)
    locked: dict[Chart, bool] = {}
    problems: list[str] = []
    for chart in charts:
        try:
            locked[chart] = lock.check(chart, folder / chart.file)
        except MeshlabError as problem:
            problems.append(str(problem))
    if problems:
        raise MeshlabError("\n".join(problems))
    return locked


def require(locked: Mapping[Chart, bool]) -> None:
    """Refuse charts that are not locked. Raises MeshlabError that names them."""
    missing = shown(chart for chart, known in locked.items() if not known)
    if missing:
        raise MeshlabError(
            f"{LOCK.name}: expected a digest of every chart, got none of {missing}", "meshlab charts lock"
        )


def shown(charts: Iterable[Chart]) -> str:
    """Charts as people name them."""
    return ", ".join(f"{name} {version}" for name, version in sorted(charts))


def flat(wanted: Mapping[str, Sequence[str]]) -> list[Chart]:
    """Versions by chart name as a sorted list of charts."""
    return sorted(Chart(name, version) for name, versions in wanted.items() for version in versions)


def _compare(chart: Chart, found: str, locked: Locked, where: str) -> None:
    if found != locked.sha256:
        raise MeshlabError(
            f"{where}: expected {shown([chart])} with sha256 {locked.sha256} (charts.lock, from {locked.source}), "
            f"got {found}"
        )


def _chart(path: Path, entry: Any) -> Chart:
    fields = cast(dict[str, Any], entry) if isinstance(entry, dict) else {}
    if set(fields) != _KEYS or not _SHA256.fullmatch(str(fields["sha256"])):
        raise MeshlabError(f"{path.name}: expected {', '.join(sorted(_KEYS))} (64 hexadecimal digits), got {entry}")
    return Chart(str(fields["name"]), str(fields["version"]))
