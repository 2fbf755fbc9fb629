"""Lab 03: what Prometheus scrapes of the mesh, the rules that judge it, and the dashboards that show it."""

from typing import Any, TypedDict

import pulumi

from base.assets import Manifest, load_dashboards, load_manifests
from settings.alert_rules import load_rules
from settings.models import MeshMonitorsSettings
from settings.own_rules import load_own_rules

from .istio_control_plane import IstioControlPlane
from .kube_prometheus_stack import KubePrometheusStack
from .namespaces import inside
from .objects import create, in_namespace, with_labels
from .stack_values import GRAFANA_FOLDER_ANNOTATION

GRAFANA_FOLDER = "Istio"
"""The folder in Grafana that the dashboards appear in."""

MONITORS = ("istio-component-monitor", "envoy-stats-monitor")
ENVOY_DEMO_MONITOR = "envoy-demo-monitor"


class MeshMonitorsArgs(TypedDict):
    """What MeshMonitors needs."""

    settings: MeshMonitorsSettings
    """How often to scrape, and when alerts fire."""
    monitoring: KubePrometheusStack
    """The stack whose Prometheus and Grafana take these up. Only its CRDs are waited for."""
    istio: IstioControlPlane
    """The control plane whose istiods are scraped; of its default revision one must always be there, says an alert."""
    envoy_demo: bool
    """Whether there is a standalone Envoy to scrape."""


class MeshMonitors(pulumi.ComponentResource):
    """ServiceMonitors, a PodMonitor, rules, and one ConfigMap a dashboard."""

    def __init__(self, name: str, args: MeshMonitorsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:MeshMonitors", name, None, opts)
        monitoring = args["monitoring"]
        labels = monitoring.names.selector_labels
        for file in (*MONITORS, *([ENVOY_DEMO_MONITOR] if args["envoy_demo"] else [])):
            (manifest,) = load_manifests("mesh_monitors", f"{file}.yaml")
            create(
                f"{name}-{file}",
                in_namespace(
                    with_labels(_every(manifest, args["settings"].interval), labels), monitoring.names.namespace
                ),
                inside(self, monitoring.namespace, [monitoring.crds]),
            )
        (policy,) = load_manifests("mesh_monitors", "scrape-policy.yaml")
        create(
            f"{name}-scrape-policy",
            _from_namespace(policy, monitoring.names.namespace),
            inside(self, args["istio"].namespace),
        )
        settings = args["settings"]
        release, namespace = monitoring.names.release, monitoring.names.namespace
        ours = load_rules(
            settings.thresholds,
            release=release,
            namespace=namespace,
            default_revision=args["istio"].default_revision,
            runbooks=settings.runbooks,
        )
        for rule in [*ours, *load_own_rules(settings.own_rules, release, namespace)]:
            create(
                f"{name}-rules-{rule['metadata']['name']}",
                rule,
                inside(self, monitoring.namespace, [monitoring.crds]),
            )
        for dashboard, text in load_dashboards().items():
            # One ConfigMap each: together they pass what client-side apply allows, and near the API's own limit.
            # They need no CRD, but are most of the state, which a file backend writes whole at each step: so they come
            # late and go early.
            create(
                f"{name}-dashboard-{dashboard}",
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                        "name": f"dashboard-{dashboard}",
                        "namespace": monitoring.names.namespace,
                        "labels": {"grafana_dashboard": "1"},
                        "annotations": {GRAFANA_FOLDER_ANNOTATION: GRAFANA_FOLDER},
                    },
                    "data": {f"{dashboard}.json": text},
                },
                inside(self, monitoring.namespace, [monitoring.crds]),
            )
        self.register_outputs({"folder": GRAFANA_FOLDER})


def _from_namespace(policy: Manifest, namespace: str) -> Manifest:
    """`policy` with the namespace that it lets in."""
    ((peer,),) = (rule["from"] for rule in policy["spec"]["ingress"])
    peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] = namespace
    return policy


def _every(monitor: Manifest, interval: str) -> Manifest:
    """`monitor` with the interval of each of its endpoints set."""
    endpoints: list[dict[str, Any]] = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
    for endpoint in endpoints:
        endpoint["interval"] = interval
    return monitor
