"""Looks at a dashboard as a person would who opens it at the end of the synthetic hour."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import mesh
from .grafana import Dashboard, Panel, Query, interpolate, variable_query
from .prometheus import Prometheus

# What a reader picks where a dashboard shows one thing at a time; everything else stays as the dashboard opens.
CHOICES = {
    "istio-service": {"service": "purchase-history.istioinaction.svc.cluster.local"},
    "istio-workload": {"namespace": "istioinaction", "workload": "recommendation-v1"},
}


@dataclass
class Viewer:
    """A dashboard on a Prometheus, with a value for each of its variables."""

    prometheus: Prometheus
    name: str
    dashboard: Dashboard
    values: dict[str, str]

    @classmethod
    def open(cls, prometheus: Prometheus, name: str, choices: Mapping[str, str] | None = None) -> "Viewer":
        """Open a dashboard; `choices` are values that the reader picks, CHOICES by default."""
        viewer = cls(prometheus, name, Dashboard.of(name), {})
        chosen = CHOICES.get(name, {}) if choices is None else choices
        for variable in viewer.dashboard.variables:
            viewer.values[variable["name"]] = chosen.get(variable["name"]) or viewer._first(variable)
        return viewer

    def options(self, name: str) -> list[str]:
        """What the list of a query variable offers."""
        (variable,) = (variable for variable in self.dashboard.variables if variable["name"] == name)
        expression, label = variable_query(variable)
        expression = interpolate(expression, self.values)
        if label:
            return self.prometheus.label_values(label, expression, mesh.START, mesh.END)
        pattern = re.compile(variable["regex"].strip("/"))
        found = set()
        for entry in self.prometheus.query(expression, mesh.END):
            text = ",".join(f'{key}="{value}"' for key, value in entry["metric"].items())
            if match := pattern.search("{" + text + "}"):
                found.add(match[1])
        return sorted(found)

    def run(self, query: Query) -> list[dict[str, Any]]:
        """What a query of a panel gives: over the whole hour, or for a table at its end."""
        expression = interpolate(query.expression, self.values)
        if query.instant:
            return self.prometheus.query(expression, mesh.END)
        return self.prometheus.query_range(expression, mesh.START, mesh.END, mesh.STEP)

    def panel(self, title: str) -> Panel:
        """The panel of that title."""
        (panel,) = (panel for panel in self.dashboard.panels if panel.title == title)
        return panel

    def last(self, title: str) -> float:
        """The number that a panel with one query and one series shows at the end of the hour."""
        (query,) = self.panel(title).queries
        (entry,) = self.run(query)
        moment, value = entry["values"][-1]
        assert moment == mesh.END, f"{title}: the last point is {mesh.END - moment} s old"
        return float(value)

    def _first(self, variable: dict[str, Any]) -> str:
        if variable["type"] == "datasource":
            return variable["current"]["value"]
        if variable["type"] in ("custom", "textbox"):
            return variable["current"]["value"]
        if variable.get("includeAll"):
            return variable["allValue"]
        return self.options(variable["name"])[0]
