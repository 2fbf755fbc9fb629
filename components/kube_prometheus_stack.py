"""Lab 03: Prometheus, Alertmanager and Grafana by the Prometheus operator."""

from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from .charts import ChartSource
from .names import STACK_CHART, StackNames
from .objects import merged
from .releases import release
from .settings import MonitoringSettings

GRAFANA_FOLDER_ANNOTATION = "grafana_folder"
"""Annotation of a dashboard's ConfigMap that names its folder in Grafana."""


class KubePrometheusStackArgs(TypedDict):
    """What KubePrometheusStack needs."""

    settings: MonitoringSettings
    """Version, release name, sizes and access."""
    charts: ChartSource
    """Where the charts kube-prometheus-stack and prometheus-operator-crds come from."""


class KubePrometheusStack(pulumi.ComponentResource):
    """The operator's CRDs as a release of their own, Grafana's administrator, and the stack."""

    names: StackNames
    """Names that the chart derives from the release."""
    namespace: k8s.core.v1.Namespace
    """The stack's namespace."""
    crds: k8s.helm.v3.Release
    """The release of the operator's CRDs: all that monitors and rules need."""
    stack: k8s.helm.v3.Release
    """The release of the stack itself."""
    grafana_password: pulumi.Output[str]
    """Password of Grafana's user `admin`; secret."""

    def __init__(self, name: str, args: KubePrometheusStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:KubePrometheusStack", name, None, opts)
        settings = args["settings"]
        self.names = StackNames(settings.release, settings.namespace)

        self.namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=settings.namespace),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.crds = release(
            f"{name}-crds",
            release_name=self.names.crds_release,
            namespace=settings.namespace,
            chart=args["charts"].ref("prometheus-operator-crds", settings.operator_crds_version),
            values={},
            timeout_seconds=settings.timeout_seconds,
            # Deleting a CRD deletes every object of its kind in the cluster, other teams' included.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.namespace], retain_on_delete=True),
        )
        password = random.RandomPassword(
            f"{name}-grafana-password", length=24, special=False, opts=pulumi.ResourceOptions(parent=self)
        )
        admin = k8s.core.v1.Secret(
            f"{name}-grafana-admin",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=self.names.grafana_admin_secret, namespace=settings.namespace),
            string_data={"admin-user": "admin", "admin-password": password.result},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.namespace]),
        )
        self.stack = release(
            f"{name}-stack",
            release_name=settings.release,
            namespace=settings.namespace,
            chart=args["charts"].ref(STACK_CHART, settings.version),
            values=merged(self._values(settings), settings.values),
            timeout_seconds=settings.timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.crds, admin]),
        )
        self.grafana_password = pulumi.Output.secret(password.result)
        self.register_outputs({"prometheus_url": self.names.prometheus_url, "grafana_url": self.names.grafana_url})

    def _values(self, settings: MonitoringSettings) -> dict[str, Any]:
        return {
            "grafana": {
                # The stack's own thirty dashboards bury the mesh's.
                "defaultDashboardsEnabled": False,
                "grafana.ini": {"auth.anonymous": {"enabled": settings.grafana_anonymous, "org_role": "Viewer"}},
                # By reference: helm keeps values, and whoever reads a release would read the password.
                "admin": {
                    "existingSecret": self.names.grafana_admin_secret,
                    "userKey": "admin-user",
                    "passwordKey": "admin-password",
                },
                "sidecar": {
                    "dashboards": {
                        "folderAnnotation": GRAFANA_FOLDER_ANNOTATION,
                        "provider": {"foldersFromFilesStructure": True},
                    }
                },
            },
            "prometheus": {
                "prometheusSpec": {
                    "replicas": settings.replicas,
                    "retention": settings.retention,
                    "scrapeInterval": settings.scrape_interval,
                }
            },
        }
