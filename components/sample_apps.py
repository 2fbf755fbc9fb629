"""Lab 02: the sample applications web-api -> recommendation -> purchase-history, and a client."""

from typing import TypedDict

import pulumi
import pulumi_kubernetes as k8s

from .assets import load_manifests
from .istio_control_plane import IstioControlPlane
from .names import REVISION_LABEL
from .settings import SampleAppsSettings
from .workload import workload

NAMESPACE = "istioinaction"
"""The lab's name for it; created and removed by the program."""

FILES = ("web-api.yaml", "recommendation.yaml", "purchase-history-v1.yaml", "sleep.yaml")


class SampleAppsArgs(TypedDict):
    """What SampleApps needs."""

    settings: SampleAppsSettings
    """Nothing so far but whether the component is there."""
    istio: IstioControlPlane
    """The mesh that the applications roll into, where the namespace is in it."""
    revision: str | None
    """The namespace's revision; None, as in the lab, leaves the applications without sidecars."""


class SampleApps(pulumi.ComponentResource):
    """The namespace and the four applications in it."""

    namespace: k8s.core.v1.Namespace
    """The applications' namespace."""

    def __init__(self, name: str, args: SampleAppsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:SampleApps", name, None, opts)
        revision = args["revision"]
        self.namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={REVISION_LABEL: revision} if revision is not None else None
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for file in FILES:
            workload(
                self,
                name,
                load_manifests("sample_apps", file),
                namespace=NAMESPACE,
                revision=revision,
                after=[self.namespace],
                pods_after=args["istio"].injection(NAMESPACE),
            )
        self.register_outputs({"namespace": NAMESPACE})
