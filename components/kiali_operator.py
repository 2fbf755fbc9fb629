"""Lab 03: the Kiali operator, its CRD, and the Kiali it installs."""

from typing import Any, TypedDict

import pulumi

from base.assets import load_manifests
from base.merging import merged
from settings.charts import ChartSource
from settings.models import ClusterSettings, KialiSettings
from settings.names import ISTIO_NAMESPACE

from .istio_control_plane import IstioControlPlane
from .kiali_spec import kiali_spec, operator_values
from .kube_prometheus_stack import KubePrometheusStack
from .namespaces import namespace, network_policies
from .objects import create
from .releases import release

READY_CONDITION = "condition=Successful"
"""What the operator reports on the Kiali object once it has installed what the object asks for."""


class KialiOperatorArgs(TypedDict):
    """What KialiOperator needs."""

    settings: KialiSettings
    """Version, sign-in and how long Kiali may take."""
    cluster: ClusterSettings
    """Where images come from, and whether namespaces are protected."""
    charts: ChartSource
    """Where the chart kiali-operator comes from."""
    istio: IstioControlPlane
    """The control plane that Kiali shows: the names of its default revision, and its namespace."""
    monitoring: KubePrometheusStack
    """Where Prometheus is going to be: Kiali starts without it, and reads it once it is there."""


class KialiOperator(pulumi.ComponentResource):
    """The CRD, the operator's release, and one Kiali for the default revision."""

    kiali: pulumi.CustomResource
    """The Kiali object."""

    def __init__(self, name: str, args: KialiOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:KialiOperator", name, None, opts)
        settings, istio = args["settings"], args["istio"]
        images, needs = args["cluster"].images, args["cluster"].pod_needs

        own = namespace(
            f"{name}-namespace",
            settings.namespace,
            pod_security="restricted",
            cluster=args["cluster"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        network_policies(self, name, "kiali_operator", settings.namespace, own)
        (manifest,) = load_manifests("kiali_operator", "crd.yaml")
        # Kept on destroy: without its CRD every other team's Kiali would go too. So a later `up` finds it, and only a
        # Patch resource joins what exists; where it does not exist, it creates it.
        crd = create(
            f"{name}-crd",
            manifest,
            # After the namespace: where that is another stack's, the CRD is too, and is left as it is.
            pulumi.ResourceOptions(parent=self, depends_on=[own], retain_on_delete=True),
            patch=True,
        )
        operator = release(
            f"{name}-release",
            release_name="kiali-operator",
            namespace=settings.namespace,
            chart=args["charts"].ref("kiali-operator", settings.version),
            values=merged(operator_values(settings, images, needs), settings.values),
            timeout_seconds=settings.ready_timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[own, crd]),
        )
        timeout = f"{settings.ready_timeout_seconds}s"
        metadata: dict[str, Any] = {"name": "kiali", "namespace": ISTIO_NAMESPACE}
        if settings.await_ready:
            metadata["annotations"] = {"pulumi.com/waitFor": READY_CONDITION}
        spec = kiali_spec(
            settings,
            istio.default_revision,
            args["monitoring"].names,
            images,
            needs,
            grafana_is_open=args["monitoring"].grafana_is_open,
        )
        self.kiali = create(
            f"{name}-kiali",
            {
                "apiVersion": "kiali.io/v1alpha1",
                "kind": "Kiali",
                "metadata": metadata,
                "spec": merged(spec, settings.spec),
            },
            # The operator's finalizer: the object must be gone before the operator is.
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[operator, istio.revisions[istio.default_revision]],
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout, delete=timeout),
            ),
        )
        self.register_outputs({"revision": istio.default_revision})
