"""Whoever looks at the dashboards, on a real Prometheus with the synthetic mesh of tests/dashboards."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from base.assets import load_dashboards
from meshlab.verify.dashboard import interpolate, queries, variables
from meshlab.verify.prometheus import Prometheus
from meshlab.verify.promql import selectors, selectors_of
from meshlab.verify.queries import Reader
from meshlab.verify.web import Web
from tests.dashboards import mesh
from tests.dashboards.prometheus import tools
from tests.dashboards.synthetic import synthetic_prometheus

SERVICE = {"service": "purchase-history.istioinaction.svc.cluster.local"}
"""What to look at in this mesh: services outside of it come first in the alphabet."""
CONSTANTS = 2
"""Queries of a dashboard that fall back on a constant, and so always answer."""
DASHBOARDS = {name: json.loads(text) for name, text in load_dashboards().items()}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    tools()
    with synthetic_prometheus(tmp_path_factory.mktemp("synthetic-mesh")) as running:
        where = urlsplit(running.url)
        yield Prometheus(Web("Prometheus", lambda: HTTPConnection(str(where.hostname), where.port, timeout=60)))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_of_a_busy_mesh_shows_something_and_no_query_is_broken(name: str, prometheus: Prometheus) -> None:
    findings = Reader(prometheus, SERVICE, at=mesh.END).read(DASHBOARDS[name])
    assert findings.broken == []
    assert findings.answered > findings.total / 2, findings.empty


@pytest.mark.parametrize("name", DASHBOARDS)
def test_before_any_data_queries_are_empty_or_broken_with_reasons(name: str, prometheus: Prometheus) -> None:
    findings = Reader(prometheus, SERVICE, at=mesh.START - 86400).read(DASHBOARDS[name])
    assert findings.answered <= CONSTANTS < len(findings.empty) + len(findings.broken)
    explained = re.compile(r"no target has|is missing|no series of|its metrics are there|offers nothing to pick")
    assert [reason for reason in (*findings.empty, *findings.broken) if not explained.search(reason)] == []


TAKEN = {
    "requests_total{path=~`/api/\\d+`}": "metric requests_total is missing",
    "rate(requests_total[5m] offset 0s)": "metric requests_total is missing",
    "istio_requests_total{destination_service=~`nobody\\.\\w+`}": "no series of istio_requests_total fits",
    '{"shop.requests", code="500"}': "metric shop.requests is missing",
    '{__name__=~"shop_.+", code="500"}': 'no series of any metric fits {__name__=~"shop_.+", code="500"}',
    'max_over_time(sum(rate(shop_total{code!~"5.."}[5m]))[1h:5m]) / on() group_left() shop_limit @ end()': (
        "metric shop_total is missing; metric shop_limit is missing"
    ),
}
"""What Prometheus takes and finds nothing for, and what is missing then. Other parsers refuse some of them."""


@pytest.mark.parametrize("expression", TAKEN)
def test_what_prometheus_takes_is_quiet_and_not_broken(expression: str, prometheus: Prometheus) -> None:
    findings = Reader(prometheus, SERVICE, at=mesh.END).read(panel(expression))
    assert findings.broken == []
    ((empty),) = findings.empty
    assert TAKEN[expression] in empty


@pytest.mark.parametrize("expression", ["rate(requests_total[5m]", "requests_total offset", "nosuch(requests_total)"])
def test_what_prometheus_refuses_is_broken_with_its_reason(expression: str, prometheus: Prometheus) -> None:
    findings = Reader(prometheus, SERVICE, at=mesh.END).read(panel(expression))
    assert findings.empty == []
    assert "parse error" in findings.broken[0]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_parser_here_and_prometheus_read_the_same_selectors(name: str, prometheus: Prometheus) -> None:
    """For a Prometheus before 3.0, which tells nobody how it reads an expression."""
    values = {str(variable["name"]): "x" for variable in variables(DASHBOARDS[name])}
    expressions = [interpolate(query.expression, values) for query in queries(DASHBOARDS[name])]
    assert expressions
    for expression in expressions:
        assert set(selectors(expression)) == set(selectors_of(prometheus.parsed(expression))), expression


def panel(expression: str) -> dict[str, Any]:
    """A dashboard of one's own with one query."""
    return {"panels": [{"title": "Mine", "targets": [{"refId": "A", "expr": expression}]}]}
