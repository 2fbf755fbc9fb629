"""Grafana's HTTP API, as far as checks need it."""

import base64
import http.client
from typing import Any, cast

from .prometheus import Prometheus
from .web import AnswerError, Web


class Grafana:
    """A Grafana; everything raises AnswerError."""

    def __init__(self, web: Web, user: str, password: str) -> None:
        self._web, self.user = web, user
        self._anonymous = dict(web.headers)
        self._signed_in = {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
        web.headers = {**self._anonymous, **self._signed_in}

    def folders(self) -> dict[str, str]:
        """The folder that each dashboard is in, by the dashboard's uid; empty for one that is in none."""
        path = "/api/search"
        found = self._json(path, {"type": "dash-db", "limit": "5000"})
        if not isinstance(found, list):
            raise AnswerError(f"{self._web.name}: GET {path}: expected a list of dashboards, got {str(found)[:160]}")
        return {str(entry["uid"]): str(entry.get("folderTitle") or "") for entry in cast(list[dict[str, Any]], found)}

    def dashboard(self, uid: str) -> dict[str, Any]:
        """A dashboard's model as it was loaded."""
        answer = cast(dict[str, Any], self._json(f"/api/dashboards/uid/{uid}"))
        if "dashboard" not in answer:
            raise AnswerError(f"{self._web.name}: dashboard {uid}: expected its model, got {sorted(answer)}")
        return cast(dict[str, Any], answer["dashboard"])

    def data_source(self, uid: str) -> dict[str, Any]:
        """What Grafana knows about a data source."""
        return cast(dict[str, Any], self._json(f"/api/datasources/uid/{uid}"))

    def prometheus(self, uid: str) -> Prometheus:
        """The Prometheus behind a data source, through Grafana's proxy."""
        return Prometheus(self._web, f"/api/datasources/proxy/uid/{uid}")

    def lets_anyone_in(self) -> bool:
        """Whether dashboards show to people who have not signed in."""
        self._web.headers = self._anonymous
        try:
            answer = self._web.ask("/api/search", {"type": "dash-db", "limit": "1"})
        finally:
            self._web.headers = {**self._anonymous, **self._signed_in}
        if answer.status not in (http.client.OK, http.client.UNAUTHORIZED):
            self._web.fail("/api/search", answer)
        return answer.status == http.client.OK

    def _json(self, path: str, parameters: dict[str, str] | None = None) -> Any:
        answer = self._web.ask(path, parameters or {})
        if answer.status == http.client.UNAUTHORIZED:
            raise AnswerError(
                f"{self._web.name} refuses user {self.user} with the password of its Secret "
                "(it keeps the password of its first start: was the Secret created again?)"
            )
        return self._web.json(path, parameters or {})
