"""Where charts come from: a folder, a mirror, the upstream repositories or the stand-ins. Decided here alone."""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from base.say import Say
from embedded.tools import pins, toolchain
from settings.charts import Chart, ChartSource

from ..recording.releases import Release
from . import repositories
from .lock import ChartLock
from .pull import in_folder, pull
from .source import STAND_INS_FOLDER, announce, pack_stand_ins

Wanted = Mapping[str, Sequence[str]]
"""Versions by chart name."""


class ChartOrigin(StrEnum):
    """What charts come from."""

    FOLDER = "folder"
    MIRROR = "mirror"
    UPSTREAM = "upstream"
    STAND_INS = "stand-ins"


@dataclass(frozen=True)
class ChartChoice:
    """Where the charts of a stack come from."""

    origin: ChartOrigin
    source: ChartSource
    """What was asked for, or what the stack says."""
    silent: tuple[repositories.RepositoryStatus, ...] = ()
    """For stand-ins: the upstream repositories that do not answer."""

    @property
    def told(self) -> str:
        """For stand-ins: each silent repository with its reason."""
        return ", ".join(f"{answer.url}: {answer.reason}" for answer in self.silent)


@dataclass(frozen=True)
class StandIns:
    """Packed stand-ins."""

    folder: Path
    notes: tuple[str, ...]
    """Why they are used, then what each of them is."""


@dataclass(frozen=True)
class ChartFiles:
    """The chart files of some releases, by the releases' resources."""

    origin: str
    """The value of a ChartOrigin."""
    files: dict[str, Path]
    notes: tuple[str, ...] = ()
    """What has to be said of the charts: for stand-ins, what each of them is."""


class Charts:
    """Chooses where charts come from and gets their files, for all stacks and trees of one run."""

    def __init__(self, asked: str | None, say: Say) -> None:
        """`asked` is the folder that the user named, if any: it goes before what a stack says."""
        self.asked, self.say = asked, say
        self._answers: list[repositories.RepositoryStatus] | None = None

    def choose(self, configured: str | None) -> ChartChoice:
        """Where charts come from for a stack that says `configured`. Upstream is asked once in a run."""
        source = ChartSource(self.asked or configured)
        if source.folder is not None:
            return ChartChoice(ChartOrigin.FOLDER, source)
        if source.source is not None:
            return ChartChoice(ChartOrigin.MIRROR, source)
        if self._answers is None:
            self._answers = repositories.probe(source)
        silent = tuple(answer for answer in self._answers if not answer.ok)
        return ChartChoice(ChartOrigin.STAND_INS if silent else ChartOrigin.UPSTREAM, source, silent)

    def pack(self, choice: ChartChoice, wanted: Wanted) -> StandIns:
        """The stand-ins for the charts of a stack. Raises what packing them raises."""
        folder = pack_stand_ins(STAND_INS_FOLDER, wanted, self.say)
        reason = f"not every chart repository answers ({choice.told}); using stand-ins:"
        return StandIns(folder, (reason, *announce(folder, wanted)))

    def of(self, releases: Sequence[Release], stack: str, configured: str | None) -> ChartFiles:
        """The chart files of a stack's releases, where `configured` is what the stack says of where they come from.

        Raises MeshlabError and what packing the stand-ins raises.
        """
        choice = self.choose(configured)
        folder, notes = choice.source.folder, ()
        if choice.origin is ChartOrigin.STAND_INS:
            packed = self.pack(choice, versions(release.package for release in releases))
            folder, notes = packed.folder, packed.notes
        if folder is None:
            files = {release.resource: self._pulled(release.package, choice.source) for release in releases}
        else:
            where = folder.resolve()
            files = {
                release.resource: in_folder(release.package, where, f" (release {release.name} of stack {stack})")
                for release in releases
            }
        return ChartFiles(choice.origin.value, files, notes)

    def _pulled(self, chart: Chart, source: ChartSource) -> Path:
        """A chart from a repository, kept: what is published under an exact version does not change.

        Raises MeshlabError where it cannot be had or is not the chart of charts.lock.
        """
        ref = source.ref(*chart)
        repository = ref.get("repositoryOpts", {}).get("repo", "")
        where = hashlib.sha256(f"{repository} {ref['chart']}".encode()).hexdigest()[:16]
        kept = pins.cache_folder().parent / "charts" / "pulled" / where
        file = kept / chart.file
        if not file.is_file():
            kept.mkdir(parents=True, exist_ok=True)
            helm = toolchain.ensure(["helm"], self.say)["helm"]
            self.say(f"pulling the chart {chart.name} {chart.version}")
            with tempfile.TemporaryDirectory(dir=kept, prefix=".pulling-") as work:
                pull(chart, source, Path(work), helm).replace(file)
        ChartLock.load().check(chart, file)
        return file


def versions(charts: Iterable[Chart]) -> dict[str, list[str]]:
    """Versions by chart name."""
    found: dict[str, list[str]] = {}
    for chart in charts:
        found.setdefault(chart.name, []).append(chart.version)
    return found
