"""Which parts of kube-prometheus-stack a stack has: all but those that its values switch off."""

from collections.abc import Mapping
from typing import Any, Literal, cast

Part = Literal[
    "alertmanager",
    "dashboards",
    "datasources",
    "grafana",
    "kube-state-metrics",
    "node-exporter",
    "prometheus",
    "prometheus-operator",
]

SWITCHES: Mapping[Part, str] = {
    "alertmanager": "alertmanager.enabled",
    "dashboards": "grafana.sidecar.dashboards.enabled",
    "datasources": "grafana.sidecar.datasources.enabled",
    "grafana": "grafana.enabled",
    "kube-state-metrics": "kubeStateMetrics.enabled",
    "node-exporter": "nodeExporter.enabled",
    "prometheus": "prometheus.enabled",
    "prometheus-operator": "prometheusOperator.enabled",
}
"""The value of the chart that each part hangs on; on unless said. `dashboards` and `datasources` stand for what loads
them into Grafana."""


def is_on(values: Mapping[str, Any], part: Part) -> bool:
    """Whether the chart makes a part with these values. A null leaves it to the chart, a text is no switch to helm."""
    value: Any = values
    for key in SWITCHES[part].split("."):
        value = cast(Mapping[str, Any], value).get(key) if isinstance(value, Mapping) else None
    return value is not False
