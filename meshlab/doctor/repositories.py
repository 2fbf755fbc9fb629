"""Whether the charts can be had."""

from collections.abc import Iterator

from base.wording import counted
from settings.charts import ChartSource

from ..charts.repositories import probe
from ..preflight.finding import Finding, Level

ANSWER_LIMIT_SECONDS = 3.0


def repositories(source: ChartSource) -> Iterator[Finding]:
    """A folder has been looked at with the settings; a mirror must answer; upstream has a stand-in."""
    if source.folder is not None:
        yield Finding("charts", Level.OK, f"folder {source.folder}")
        return
    answers = probe(source, ANSWER_LIMIT_SECONDS)
    silent = [one for one in answers if not one.ok]
    if not silent:
        yield Finding("charts", Level.OK, f"answers from {counted(len(answers), 'repository')}")
        return
    told = "\n".join(f"{one.url}: {one.reason}" for one in silent)
    if source.source is None:
        text = f"not every repository answers, so `up` would use stand-ins\n{told}"
        yield Finding("charts", Level.WARNING, text, "see to the network, or name a folder of charts: --charts FOLDER")
    else:
        text = f"the stack's mirror does not answer\n{told}"
        yield Finding("charts", Level.PROBLEM, text, "see to it, or change charts.source")
