"""Prometheus' HTTP API, as far as checks need it."""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from .web import AnswerError, Web

Series = Mapping[str, Any]


class Prometheus:
    """A Prometheus; everything raises AnswerError."""

    def __init__(self, web: Web, prefix: str = "") -> None:
        """`prefix` is what stands before /api, such as the path of Grafana's proxy to a data source."""
        self._web, self._prefix = web, prefix

    def targets(self) -> list[dict[str, Any]]:
        """The active targets."""
        return cast(list[dict[str, Any]], self._data("targets", {"state": "active"})["activeTargets"])

    def rule_groups(self) -> list[dict[str, Any]]:
        """The rule groups that are loaded."""
        return cast(list[dict[str, Any]], self._data("rules")["groups"])

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """The series of an expression at a moment (Unix time), else now."""
        return self._series("query", {"query": expression, **({} if at is None else {"time": f"{at}"})})

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The series of an expression between two moments (Unix time), every `step` seconds."""
        return self._series(
            "query_range", {"query": expression, "start": f"{start}", "end": f"{end}", "step": f"{step}"}
        )

    def parsed(self, expression: str) -> Any:
        """What an expression asks for, as Prometheus itself reads it; None from one before 3.0, which does not tell."""
        answer = self._web.ask(f"{self._prefix}/api/v1/parse_query", {"query": expression})
        if answer.status != http.client.OK:
            return None
        try:
            return json.loads(answer.text)["data"]
        except (ValueError, LookupError, TypeError):
            return None

    def names(self) -> set[str]:
        """Names of all metrics that there are."""
        return set(cast(Sequence[str], self._data("label/__name__/values")))

    def label_values(self, label: str, selector: str) -> list[str]:
        """The values of a label among the series that a selector selects, sorted; of all series without one."""
        chosen = {"match[]": selector} if selector else {}
        return sorted(cast(Sequence[str], self._data(f"label/{label}/values", chosen)))

    def number(self, expression: str) -> float | None:
        """The one number that an expression gives now; None where it gives nothing."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def _series(self, path: str, parameters: Mapping[str, str]) -> list[Series]:
        data = self._data(path, parameters)
        if data["resultType"] in ("scalar", "string"):
            return [{"metric": {}, "value": data["result"]}]
        return cast(list[Series], data["result"])

    def _data(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        target = f"{self._prefix}/api/v1/{path}"
        answer = self._web.json(target, parameters or {})
        if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:  # type: ignore[reportUnknownMemberType]
            raise AnswerError(f"{self._web.name}: GET {target}: expected data and success, got {str(answer)[:160]}")  # type: ignore[reportUnknownArgumentType]
        return cast(dict[str, Any], answer)["data"]
