"""Reads a dashboard as Grafana would: panels, their queries, variables put in."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from dashboards.src.build import DASHBOARDS
from tests.dashboards.promql import asked

FOLDER = Path(__file__).resolve().parents[2] / "dashboards"
NAMES = sorted(DASHBOARDS)
"""The dashboards of the lab; a reader may put others of his own beside them."""

# With samples every 30 s: four of them, as Grafana counts.
BUILT_IN = {"__rate_interval": "2m", "__interval": "30s", "__range": "1h"}


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    ref: str
    expression: str
    legend: str
    instant: bool


@dataclass(frozen=True)
class Panel:
    """One panel that shows data, with its row's title."""

    row: str
    model: dict[str, Any]

    @property
    def title(self) -> str:
        return self.model["title"]

    @property
    def queries(self) -> list[Query]:
        return [
            Query(target["refId"], target["expr"], target.get("legendFormat", ""), bool(target.get("instant")))
            for target in self.model["targets"]
        ]


class Dashboard:
    """One dashboard, from its JSON."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.model = model

    @classmethod
    @cache
    def of(cls, name: str) -> "Dashboard":
        """The dashboard of that name; read once, so nobody may change it."""
        return cls(json.loads((FOLDER / f"{name}.json").read_text()))

    @cached_property
    def panels(self) -> list[Panel]:
        """Panels with data in reading order, those of collapsed rows too."""
        found: list[Panel] = []
        row = ""
        for entry in self.model["panels"]:
            if entry["type"] == "row":
                row = entry["title"]
                found += [Panel(row, panel) for panel in entry.get("panels") or []]
            else:
                found.append(Panel(row, entry))
        return found

    @property
    def variables(self) -> list[dict[str, Any]]:
        return self.model["templating"]["list"]

    @property
    def annotations(self) -> list[dict[str, Any]]:
        return self.model["annotations"]["list"]

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Every expression with where it stands: panels, annotations and the queries behind variables."""
        for panel in self.panels:
            for query in panel.queries:
                yield f"panel {panel.title!r} {query.ref}", query.expression
        for annotation in self.annotations:
            yield f"annotation {annotation['name']!r}", annotation["expr"]
        for variable in self.variables:
            if variable["type"] == "query":
                yield f"variable {variable['name']!r}", variable_query(variable)[0]


def variable_query(variable: Mapping[str, Any]) -> tuple[str, str]:
    """The expression behind a query variable and the label whose values are wanted ('' where its regex picks them)."""
    text = variable["query"]["query"]
    if match := re.fullmatch(r"label_values\((.+), (\w+)\)", text):
        return match[1], match[2]
    match = re.fullmatch(r"query_result\((.+)\)", text)
    assert match, f"variable {variable['name']}: {text}"
    return match[1], ""


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `$name` and `${name}`; a name without a value stays as it is."""
    known = {**BUILT_IN, **values}

    def value(match: re.Match[str]) -> str:
        return known.get(match[1] or match[2], match[0])

    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|([A-Za-z_]\w*))", value, text)


def defaults(dashboard: Dashboard) -> dict[str, str]:
    """Values that make every expression parse; for those who do not run them."""
    return {variable["name"]: "x" for variable in dashboard.variables}


def metrics_of(dashboard: Dashboard, prefix: str) -> set[str]:
    """The metrics that a dashboard's queries ask for, of those whose name begins with `prefix`."""
    return {
        metric
        for _, expression in dashboard.expressions()
        for metric in asked(interpolate(expression, defaults(dashboard))).metrics
        if metric.startswith(prefix)
    }
