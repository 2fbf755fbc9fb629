"""Lab 02: the sample applications web-api -> recommendation -> purchase-history, and a client."""

from typing import NotRequired, TypedDict

import pulumi

from base.assets import load_manifests
from settings.models import ClusterSettings, SampleAppsSettings
from settings.names import REVISION_LABEL, SAMPLE_NAMESPACE

from .istio_control_plane import IstioControlPlane
from .namespaces import namespace
from .workload import workload

NAMESPACE = SAMPLE_NAMESPACE

FILES = ("web-api.yaml", "recommendation.yaml", "purchase-history-v1.yaml", "sleep.yaml")


class SampleAppsArgs(TypedDict):
    """What SampleApps needs."""

    settings: SampleAppsSettings
    """What containers may use."""
    cluster: ClusterSettings
    """Where images come from, what pods need, and how namespaces are made."""
    istio: NotRequired[IstioControlPlane]
    """The mesh that the applications roll into, where the namespace is in it; without it, they stay outside of any."""


class SampleApps(pulumi.ComponentResource):
    """The namespace and the four applications in it."""

    namespace: pulumi.CustomResource
    """The applications' namespace."""
    workloads: list[pulumi.Resource]
    """The Deployments in the mesh."""

    def __init__(self, name: str, args: SampleAppsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:SampleApps", name, None, opts)
        istio, cluster = args.get("istio"), args["cluster"]
        label = istio.label(NAMESPACE) if istio is not None else None
        self.namespace = namespace(
            f"{name}-namespace",
            NAMESPACE,
            # In the mesh, istio-init redirects the pods' traffic, for which it needs NET_ADMIN and root.
            pod_security="restricted" if label is None else "privileged",
            cluster=cluster,
            labels={} if label is None else {REVISION_LABEL: label},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workloads = []
        for file in FILES:
            self.workloads += workload(
                self,
                name,
                load_manifests("sample_apps", file),
                namespace=NAMESPACE,
                istio=istio,
                cluster=cluster,
                resources=args["settings"].resources,
                own=self.namespace,
            )
        self.register_outputs({"namespace": NAMESPACE})
