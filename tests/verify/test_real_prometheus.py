"""Whoever looks at the dashboards, on a real Prometheus with the synthetic mesh of tests/dashboards."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from components.assets import load_dashboards
from meshlab.verify.prometheus import Prometheus
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
def test_before_there_was_anything_queries_are_empty_or_broken_with_their_reasons(
    name: str, prometheus: Prometheus
) -> None:
    findings = Reader(prometheus, SERVICE, at=mesh.START - 86400).read(DASHBOARDS[name])
    assert findings.answered <= CONSTANTS < len(findings.empty) + len(findings.broken)
    explained = re.compile(r"no target has|is missing|no series of|its metrics are there|offers nothing to pick")
    assert [reason for reason in (*findings.empty, *findings.broken) if not explained.search(reason)] == []
