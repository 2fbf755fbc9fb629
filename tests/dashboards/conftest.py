"""The Prometheus that the tests of this folder ask."""

from collections.abc import Iterator

import pytest

from tests.dashboards.prometheus import Prometheus, tools
from tests.dashboards.synthetic import synthetic_prometheus


@pytest.fixture(scope="session")
def synthetic_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The synthetic mesh, raw and recorded."""
    tools()
    with synthetic_prometheus(tmp_path_factory.mktemp("synthetic-mesh")) as prometheus:
        yield prometheus
