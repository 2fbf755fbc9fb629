"""Reads a dashboard's model as Grafana does: panels, their queries, variables, and values put in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from kube.api_objects import entries, mapping

Model = Mapping[str, Any]

BUILT_IN = {
    "__rate_interval": "2m",
    "__interval": "30s",
    "__interval_ms": "30000",
    "__range": "1h",
    "__range_s": "3600",
}
"""Grafana's own variables for an hour of samples every 30 s: a rate needs four of them."""


@dataclass(frozen=True)
class DashboardQuery:
    """One query of a panel."""

    panel: str
    ref: str
    expression: str
    instant: bool

    @property
    def title(self) -> str:
        """Where it stands, for people."""
        return f"{self.panel} ({self.ref})"


def queries(model: Model) -> list[DashboardQuery]:
    """The queries to Prometheus of all panels in reading order, those of collapsed rows too."""
    return [
        DashboardQuery(
            str(panel.get("title", "")), str(target["refId"]), str(target["expr"]), bool(target.get("instant"))
        )
        for panel in _panels(model)
        for target in entries(panel.get("targets"))
        if target.get("expr") and _is_for_prometheus(target, panel)
    ]


def variables(model: Model) -> list[Model]:
    """The variables, in the order in which they may use each other."""
    return list(entries(mapping(model.get("templating")).get("list")))


def variable_query(variable: Model) -> tuple[str, str]:
    """The expression behind a query variable, and the label whose values are wanted ('' where its regex picks them).

    Without an expression it is the label of any series. Raises ValueError for a query of another form.
    """
    query = variable.get("query")
    text = str(cast(Model, query).get("query")) if isinstance(query, Mapping) else str(query)
    if match := re.fullmatch(r"label_values\( *(\w+) *\)", text):
        return "", match[1]
    if match := re.fullmatch(r"label_values\((.+), *(\w+)\)", text):
        return match[1], match[2]
    if match := re.fullmatch(r"query_result\((.+)\)", text):
        return match[1], ""
    raise ValueError(f"variable {variable['name']}: expected label_values(...) or query_result(...), got {text}")


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `$name` and `${name}`; a name without a value stays as it is."""
    known = {**BUILT_IN, **values}

    def value(match: re.Match[str]) -> str:
        return known.get(match[1] or match[2], match[0])

    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|([A-Za-z_]\w*))", value, text)


def _is_for_prometheus(target: Model, panel: Model) -> bool:
    """Whether a query goes to Prometheus. Loki's stand in the same field; a source that is only named may be any."""
    for holder in (target, panel):
        source = holder.get("datasource")
        if isinstance(source, Mapping) and (kind := cast(Model, source).get("type")):
            # A panel of several sources leaves the kind to its queries.
            return kind in ("prometheus", "datasource", "-- Mixed --")
    return True


def _panels(model: Model) -> Iterator[Model]:
    for entry in entries(model.get("panels")):
        if entry.get("type") == "row":
            yield from entries(entry.get("panels"))
        else:
            yield entry
