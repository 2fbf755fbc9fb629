"""The chart file of each release: from a folder, a mirror, the upstream repositories, or the stand-ins."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from base import process
from base.errors import MeshlabError
from embedded.tools import toolchain
from settings.charts import ChartSource, package_name

from ..recording.releases import Release
from . import repositories
from .lock import ChartLock
from .source import STAND_INS_FOLDER, announce, pack_stand_ins

PULL_LIMIT_SECONDS = 300.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChartFiles:
    """The chart files of some releases, by the releases' resources."""

    origin: str
    """folder, mirror, upstream or stand-ins."""
    files: dict[str, Path]
    notes: tuple[str, ...] = ()
    """What has to be said of the charts: for stand-ins, what each of them is."""


class Charts:
    """Finds chart files, for as many stacks and trees as one run renders, all of them from the same place."""

    def __init__(self, asked: str | None, say: Say) -> None:
        """`asked` is the folder that the user named, if any: it goes before what a stack says."""
        self.asked, self._say = asked, say

    def of(self, releases: Sequence[Release], stack: str, configured: str | None) -> ChartFiles:
        """The chart files of a stack's releases, where `configured` is what the stack says of where they come from.

        Raises MeshlabError and what packing the stand-ins raises.
        """
        source = ChartSource(self.asked or configured)
        if source.folder is not None:
            folder = source.folder.resolve()
            return ChartFiles("folder", {one.resource: _in_folder(one, folder, stack) for one in releases})
        if source.source is None and self._silence:
            wanted: dict[str, list[str]] = {}
            for one in releases:
                wanted.setdefault(one.chart, []).append(one.version)
            folder = pack_stand_ins(STAND_INS_FOLDER, wanted, self._say)
            files = {one.resource: folder / package_name(one.chart, one.version) for one in releases}
            return ChartFiles("stand-ins", files, (self._silence, *announce(folder, wanted)))
        origin = "upstream" if source.source is None else "mirror"
        return ChartFiles(origin, {one.resource: self._pulled(one, source) for one in releases})

    @cached_property
    def _silence(self) -> str:
        """Why the upstream repositories cannot be used; empty where they all answer."""
        silent = [answer for answer in repositories.probe(ChartSource()) if not answer.ok]
        if not silent:
            return ""
        return f"no chart repository answers ({silent[0].url}: {silent[0].reason}); using stand-ins:"

    def _pulled(self, release: Release, source: ChartSource) -> Path:
        """A chart from a repository, kept: what is published under an exact version does not change.

        Raises MeshlabError where it is not the chart of charts.lock.
        """
        ref = source.ref(release.chart, release.version)
        repository = ref.get("repositoryOpts", {}).get("repo", "")
        where = hashlib.sha256(f"{repository} {ref['chart']}".encode()).hexdigest()[:16]
        kept = toolchain.cache_folder().parent / "charts" / "pulled" / where
        file = kept / package_name(release.chart, release.version)
        if not file.is_file():
            kept.mkdir(parents=True, exist_ok=True)
            helm = toolchain.ensure(["helm"], self._say)["helm"]
            self._say(f"pulling the chart {release.chart} {release.version}")
            with tempfile.TemporaryDirectory(dir=kept, prefix=".pulling-") as work:
                command = [helm, "pull", ref["chart"], "--version", release.version, "--destination", work]
                try:
                    process.run([*command, *(["--repo", repository] if repository else [])], timeout=PULL_LIMIT_SECONDS)
                except process.ProcessError as error:
                    raise MeshlabError(f"the chart {release.chart} {release.version} cannot be had: {error}") from None
                (Path(work) / file.name).replace(file)
        ChartLock.load().check((release.chart, release.version), file)
        return file


def _in_folder(release: Release, folder: Path, stack: str) -> Path:
    file = folder / package_name(release.chart, release.version)
    if not file.is_file():
        raise MeshlabError(
            f"charts: expected {file.name} in {folder} (release {release.name} of stack {stack}), got no such file"
        )
    return file
