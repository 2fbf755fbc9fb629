"""The report as one page that needs nothing else: no script, no font, no address. report.html says how it looks."""

from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..results.outcome import Status
from ..results.report import COUNTED, Report

FOLDER = Path(__file__).resolve().parent
TITLES = {1: "Envoy", 2: "Istio", 3: "Observability"}
ORDER = (Status.FAILED, Status.PASSED, Status.NOT_APPLICABLE)


def page(report: Report) -> str:
    """The report as HTML; every text in it is escaped."""
    # Everything is HTML here, whatever its file is called.
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    environment.filters["slug"] = COUNTED.__getitem__
    labs = [
        (number, TITLES[number], list(results))
        for number, results in groupby(sorted(report.checks, key=lambda result: result.lab), lambda result: result.lab)
    ]
    return environment.get_template("report.html").render(
        report=report.document(), subject=report.subject, finished=report.finished, labs=labs, statuses=ORDER
    )
