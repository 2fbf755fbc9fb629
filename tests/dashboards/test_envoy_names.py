"""The metrics of the Envoy dashboard, asked of the real Envoy with Lab 01's own file."""

import re

from tests.dashboards.catalogue import catalogue
from tests.dashboards.grafana import Dashboard, metrics_of
from tests.proxy.conftest import envoy_binary, httpbin_port, start_envoy  # noqa: F401 - fixtures
from tests.proxy.envoy_process import StartEnvoy

SAMPLE = re.compile(r"^(\w+)\{(.*)\} ", re.MULTILINE)


def test_envoy_exposes_every_metric_and_label_that_its_dashboard_asks_for(
    start_envoy: StartEnvoy,  # noqa: F811 - the fixture
) -> None:
    wanted = metrics_of(Dashboard.of("envoy-demo"), "envoy_")
    envoy = start_envoy("retry")
    assert envoy.ask("/headers").status == 200
    assert envoy.ask("/status/500").status == 500
    text = envoy.admin("/stats/prometheus").body
    exposed: dict[str, set[str]] = {}
    for name, labels in SAMPLE.findall(text):
        exposed.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    assert wanted - exposed.keys() == set()
    for metric in wanted:
        # Istio's sidecars call the same label cluster_name.
        own = catalogue()[metric].own_labels - {"cluster_name"}
        assert own <= exposed[metric], metric
