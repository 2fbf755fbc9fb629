"""Lab 03: the Kiali operator, its CRD, and the Kiali it installs."""

from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from .assets import load_manifests
from .charts import ChartSource
from .istio_control_plane import IstioControlPlane
from .kube_prometheus_stack import KubePrometheusStack
from .names import ISTIO_NAMESPACE, RevisionNames
from .objects import merged
from .releases import release
from .settings import KialiSettings
from .versions import parse_version

READY_CONDITION = "condition=Successful"
"""What the operator reports on the Kiali object once it has installed what the object asks for."""


class KialiOperatorArgs(TypedDict):
    """What KialiOperator needs."""

    settings: KialiSettings
    """Version, sign-in and how long Kiali may take."""
    charts: ChartSource
    """Where the chart kiali-operator comes from."""
    istio: IstioControlPlane
    """The control plane that Kiali shows: the names of its default revision, and its namespace."""
    monitoring: KubePrometheusStack
    """The Prometheus that Kiali reads."""


class KialiOperator(pulumi.ComponentResource):
    """The CRD, the operator's release, and one Kiali for the default revision."""

    kiali: k8s.apiextensions.CustomResource
    """The Kiali object."""

    def __init__(self, name: str, args: KialiOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:KialiOperator", name, None, opts)
        settings, istio = args["settings"], args["istio"]

        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=settings.namespace),
            opts=pulumi.ResourceOptions(parent=self),
        )
        (manifest,) = load_manifests("kiali_operator", "crd.yaml")
        # Kept on destroy: without its CRD every other team's Kiali would go too. So a later `up` finds it, and only a
        # Patch resource joins what exists; where it does not exist, it creates it.
        crd = k8s.apiextensions.v1.CustomResourceDefinitionPatch(
            f"{name}-crd",
            metadata=manifest["metadata"],
            spec=manifest["spec"],
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        operator = release(
            f"{name}-release",
            release_name="kiali-operator",
            namespace=settings.namespace,
            chart=args["charts"].ref("kiali-operator", settings.version),
            # The Kiali object is ours alone: created by the chart as well, it would have two owners.
            values=merged({"cr": {"create": False}}, settings.values),
            timeout_seconds=settings.ready_timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace, crd]),
        )
        timeout = f"{settings.ready_timeout_seconds}s"
        self.kiali = k8s.apiextensions.CustomResource(
            f"{name}-kiali",
            api_version="kiali.io/v1alpha1",
            kind="Kiali",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name="kiali",
                namespace=ISTIO_NAMESPACE,
                # None and not {}: the server drops an empty mapping, and every preview would show it anew.
                annotations={"pulumi.com/waitFor": READY_CONDITION} if settings.await_ready else None,
            ),
            spec=merged(kiali_spec(settings, istio.default_revision, args["monitoring"]), settings.spec),
            # The operator's finalizer: the object must be gone before the operator is.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[operator, args["monitoring"].stack, istio.revisions[istio.default_revision]],
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout, delete=timeout),
            ),
        )
        self.register_outputs({"revision": istio.default_revision})


def kiali_spec(settings: KialiSettings, revision: str, monitoring: KubePrometheusStack) -> dict[str, Any]:
    """The spec for the operator's version: the names of `revision`, and where its Prometheus is."""
    names = RevisionNames(revision)
    spec: dict[str, Any] = {
        "istio_namespace": ISTIO_NAMESPACE,
        "auth": {"strategy": settings.auth_strategy},
        "deployment": {"accessible_namespaces": ["**"], "view_only_mode": settings.auth_strategy == "anonymous"},
        "external_services": {
            "prometheus": {
                "url": monitoring.names.prometheus_url,
                "cache_enabled": True,
                "cache_duration": 10,
                "cache_expiration": 300,
            },
            "istio": {
                "config_map_name": names.mesh_config_map,
                "istiod_deployment_name": names.istiod,
                "istio_sidecar_injector_config_map_name": names.injector_config_map,
            },
        },
    }
    if parse_version(settings.version)[0] < 2:
        # Gone from 2.x on, which finds the components by their labels.
        spec["istio_component_namespaces"] = {"prometheus": monitoring.names.namespace}
    return spec
