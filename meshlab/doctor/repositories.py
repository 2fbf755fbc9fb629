"""Whether the charts can be had."""

from collections.abc import Iterable, Iterator

from base.wording import counted

from ..charts.choice import ChartChoice, ChartOrigin
from ..charts.repositories import RepositoryStatus, index_urls, probe
from ..preflight.finding import Finding, Level


def repositories(choice: ChartChoice) -> Iterator[Finding]:
    """A folder has been looked at with the settings; a mirror must answer; upstream has a stand-in."""
    if choice.origin is ChartOrigin.FOLDER:
        yield Finding("charts", Level.OK, f"folder {choice.source.folder}")
    elif choice.origin is ChartOrigin.STAND_INS:
        text = f"not every repository answers, so `up` would use stand-ins\n{_told(choice.silent)}"
        yield Finding("charts", Level.WARNING, text, "see to the network, or name a folder of charts: --charts FOLDER")
    elif choice.origin is ChartOrigin.MIRROR and (
        silent := [status for status in probe(choice.source) if not status.ok]
    ):
        text = f"the stack's mirror does not answer\n{_told(silent)}"
        yield Finding("charts", Level.PROBLEM, text, "see to it, or change charts.source")
    else:
        yield Finding("charts", Level.OK, f"answers from {counted(len(index_urls(choice.source)), 'repository')}")


def _told(silent: Iterable[RepositoryStatus]) -> str:
    return "\n".join(f"{status.url}: {status.reason}" for status in silent)
