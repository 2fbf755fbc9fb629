"""Runs the queries of a dashboard as a reader would see them in the last hour, and says of each empty one why."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .dashboard import DashboardQuery, Model, interpolate, queries, variable_query, variables
from .prometheus import Prometheus, Series
from .promql import Selector, selectors, selectors_of
from .web import AnswerError

HOUR, STEP = 3600.0, 30.0
NOTHING_TO_PICK = "offers nothing to pick"
SCRAPE_LABELS = ("job", "app")
"""Labels that only monitors give, so that a value which no target has is a monitor's fault and not a quiet hour's."""


@dataclass
class Findings:
    """What the queries of a dashboard gave."""

    total: int = 0
    empty: list[str] = field(default_factory=list[str])
    """Queries without data, each with the metric that is missing."""
    broken: list[str] = field(default_factory=list[str])
    """Queries that fail, or that are empty through a fault of what feeds Prometheus."""

    @property
    def answered(self) -> int:
        """How many gave data."""
        return self.total - len(self.empty) - len(self.broken)


class Reader:
    """Someone who looks at dashboards on one Prometheus."""

    def __init__(self, prometheus: Prometheus, preferred: Mapping[str, str], at: float | None = None) -> None:
        """`preferred` is what they pick, by variable, where a dashboard shows one thing at a time and offers that.

        `at` is the moment at which they look (Unix time), else now.
        """
        self._prometheus, self._preferred = prometheus, preferred
        self._names = prometheus.names()
        self._at, self._end = at, time.time() if at is None else at

    def read(self, model: Model) -> Findings:
        """Run every query of a dashboard. Raises AnswerError where Prometheus is not to be had at all."""
        findings = Findings()
        values = {str(variable["name"]): "" for variable in variables(model)}
        for variable in variables(model):
            try:
                values[str(variable["name"])] = self._value(variable, values, findings)
            except AnswerError as error:
                findings.total += 1
                findings.broken.append(f"variable {variable['name']}: {error}")
            except (ValueError, re.error) as error:
                # Grafana knows more forms than this reader, who does not judge them.
                findings.total += 1
                findings.empty.append(f"not looked at: {error}")
        for query in queries(model):
            findings.total += 1
            try:
                self._run(query, interpolate(query.expression, values), findings)
            except AnswerError as error:
                findings.broken.append(f"{query.title}: {error}")
        return findings

    def _run(self, query: DashboardQuery, expression: str, findings: Findings) -> None:
        found = (
            self._prometheus.query(expression, self._at)
            if query.instant
            else self._prometheus.query_range(expression, self._end - HOUR, self._end, STEP)
        )
        if any(_has_number(series) for series in found):
            return
        if found:
            findings.empty.append(f"{query.title}: only NaN, for nothing happened that it could divide by")
            return
        asked = self._asked(expression)
        if asked is None:
            findings.empty.append(f"{query.title}: it gives no value, and this Prometheus tells no reason")
            return
        reasons = dict.fromkeys(self._why(selector) for selector in asked)
        broken = [text for fault, text in reasons if fault]
        if broken:
            findings.broken.append(f"{query.title}: {'; '.join(broken)}")
        else:
            missing = [text for _, text in reasons if text]
            findings.empty.append(f"{query.title}: {'; '.join(missing) or 'its metrics are there, it gives no value'}")

    def _asked(self, expression: str) -> list[Selector] | None:
        """What an expression asks for that Prometheus has just answered; None where nobody can tell."""
        tree = self._prometheus.parsed(expression)
        if tree is not None:
            return selectors_of(tree)
        try:
            return selectors(expression)
        except ValueError:
            # Another parser does not judge what Prometheus takes.
            return None

    def _why(self, selector: Selector) -> tuple[bool, str]:
        """Whether a fault makes a selector select nothing, and what is missing; no text where it selects something."""
        scraped = selector.only(SCRAPE_LABELS)
        if scraped and not self._prometheus.query(f"up{{{scraped}}}", self._at):
            return True, f"no target has {scraped}"
        if selector.metric and selector.metric not in self._names:
            return False, f"metric {selector.metric} is missing"
        if not self._prometheus.query(f"count({selector})", self._at):
            return False, f"no series of {selector.metric or 'any metric'} fits {selector}"
        return False, ""

    def _value(self, variable: Model, values: Mapping[str, str], findings: Findings) -> str:
        """What a variable stands for: everything where it can, else what the reader picks."""
        name, current = str(variable["name"]), cast(dict[str, Any], variable.get("current") or {})
        if variable["type"] != "query":
            return str(current.get("value") or variable.get("query") or "")
        if variable.get("includeAll"):
            return str(variable.get("allValue") or ".*")
        offered = self._offered(variable, values)
        if self._preferred.get(name) in offered:
            return self._preferred[name]
        if not offered:
            findings.broken.append(f"variable {name} {NOTHING_TO_PICK}")
            findings.total += 1
        return offered[0] if offered else ""

    def _offered(self, variable: Model, values: Mapping[str, str]) -> Sequence[str]:
        expression, label = variable_query(variable)
        expression = interpolate(expression, values)
        if label:
            return self._prometheus.label_values(label, expression)
        pattern = re.compile(str(variable.get("regex", "")).strip("/"))
        texts = (
            "{" + ",".join(f'{key}="{value}"' for key, value in series["metric"].items()) + "}"
            for series in self._prometheus.query(expression, self._at)
        )
        return sorted({match[1] for text in texts if (match := pattern.search(text))})


def _has_number(series: Series) -> bool:
    points = cast(list[tuple[float, str]], series["values"] if "values" in series else [series["value"]])
    return any(not math.isnan(float(value)) for _, value in points)
