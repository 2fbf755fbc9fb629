"""Lab 03: Prometheus, Alertmanager and Grafana by the Prometheus operator."""

from typing import TypedDict, cast

import pulumi
import pulumi_random as random

from settings.charts import ChartSource
from settings.models import ClusterSettings, MonitoringSettings
from settings.names import STACK_CHART, StackNames
from settings.operator_crds import CRDS_CHART, crds_of
from settings.stack_parts import is_on
from settings.webhook_marks import WebhookMarks

from .namespaces import inside, is_adopted, namespace, network_policies
from .objects import create, encoded
from .operator_webhooks import are_ours, certificate_secret, webhooks
from .releases import release
from .stack_values import ADMIN_PASSWORD_KEY, ADMIN_USER_KEY, final_values, grafana_is_open, stack_names
from .webhook_certificate import Certificate, self_signed


class KubePrometheusStackArgs(TypedDict):
    """What KubePrometheusStack needs."""

    settings: MonitoringSettings
    """Version, release name, sizes and access."""
    cluster: ClusterSettings
    """Where images come from, and whether namespaces are protected."""
    charts: ChartSource
    """Where the charts kube-prometheus-stack and prometheus-operator-crds come from."""


class KubePrometheusStack(pulumi.ComponentResource):
    """The operator's CRDs as a release of their own, Grafana's administrator, the stack, its operator's webhooks."""

    names: StackNames
    """Names that the chart derives from the release."""
    namespace: pulumi.CustomResource
    """The stack's namespace."""
    crds: pulumi.CustomResource
    """The release of the operator's CRDs: all that monitors and rules need."""
    stack: pulumi.CustomResource
    """The release of the stack itself."""
    has_grafana: bool
    """Whether there is a Grafana."""
    grafana_is_open: bool
    """Whether there is one that shows dashboards to people who have not signed in."""
    grafana_password: pulumi.Output[str]
    """Password of Grafana's user `admin`; secret."""

    def __init__(self, name: str, args: KubePrometheusStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:KubePrometheusStack", name, None, opts)
        settings = args["settings"]
        self.names = stack_names(settings)
        values = final_values(settings, self.names, args["cluster"])
        self.has_grafana, self.grafana_is_open = is_on(values, "grafana"), grafana_is_open(values)

        self.namespace = namespace(
            f"{name}-namespace",
            settings.namespace,
            # node-exporter reads the nodes: their network, their processes and their file systems.
            pod_security="privileged",
            cluster=args["cluster"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The settings were held to it: there is one.
        crds_version = settings.crds_version or cast(str, crds_of(settings.version, args["charts"]))
        network_policies(self, name, "kube_prometheus_stack", settings.namespace, self.namespace)
        self.crds = release(
            f"{name}-crds",
            release_name=self.names.crds_release,
            namespace=settings.namespace,
            chart=args["charts"].ref(CRDS_CHART, crds_version),
            values={},
            timeout_seconds=settings.timeout_seconds,
            # Deleting a CRD deletes every object of its kind in the cluster, other teams' included.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.namespace], retain_on_delete=True),
        )
        password = random.RandomPassword(
            f"{name}-grafana-password", length=24, special=False, opts=pulumi.ResourceOptions(parent=self)
        )
        admin = create(
            f"{name}-grafana-admin",
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": self.names.grafana_admin_secret, "namespace": settings.namespace},
                # Not as stringData, which the server keeps as data: a saved plan would not hold.
                "data": {ADMIN_USER_KEY: encoded("admin"), ADMIN_PASSWORD_KEY: password.result.apply(encoded)},
            },
            inside(self, self.namespace),
        )
        served = self._certificate(name) if are_ours(values) else None
        self.stack = release(
            f"{name}-stack",
            release_name=settings.release,
            namespace=settings.namespace,
            chart=args["charts"].ref(STACK_CHART, settings.version),
            values=values,
            timeout_seconds=settings.timeout_seconds,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.crds, admin, *self._certificate_secret(name, served)]
            ),
        )
        self._webhooks(name, served, args["cluster"].webhook_marks)
        self.grafana_password = pulumi.Output.secret(password.result)
        self.register_outputs({"prometheus_url": self.names.prometheus_url, "grafana_url": self.names.grafana_url})

    def _certificate(self, name: str) -> pulumi.Output[Certificate]:
        """What the operator answers the API server with."""
        secret = random.RandomPassword(
            f"{name}-admission-secret", length=44, special=False, opts=pulumi.ResourceOptions(parent=self)
        )
        hosts = self.names.operator_hosts
        return secret.result.apply(lambda generated: self_signed(generated, hosts))

    def _certificate_secret(self, name: str, served: pulumi.Output[Certificate] | None) -> list[pulumi.Resource]:
        """Where the operator's pod finds it: before the release, whose pod does not start without."""
        if served is None:
            return []
        # It goes with its namespace, if that goes. Where the chart is told to make the webhooks again, its Jobs go on
        # with this one. A stack of before has one that the chart's Job made, which nobody would create a second time.
        stays = not is_adopted(self.namespace)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[self.namespace], retain_on_delete=stays or None)
        return [create(f"{name}-admission-certificate", certificate_secret(self.names, served), opts, patch=stays)]

    def _webhooks(self, name: str, served: pulumi.Output[Certificate] | None, marks: WebhookMarks) -> None:
        """After the release, which has the operator running."""
        for manifest in webhooks(self.names, served) if served else []:
            opts = pulumi.ResourceOptions(parent=self, depends_on=[self.stack])
            create(f"{name}-admission-{str(manifest['kind']).lower()}", marks.on(manifest), opts)
