"""Two components of the lab in another program: Istio, and applications whose pods wait for its injector."""

import pulumi
import pulumi_kubernetes as k8s

from components.istio_control_plane import IstioControlPlane
from components.sample_apps import NAMESPACE, SampleApps
from settings.models import ChartsSettings, ClusterSettings, IstioSettings, MeshSettings, SampleAppsSettings
from settings.reading import load_sections
from settings.section import Section


class Settings(Section):
    """The sections of this program's stack files."""

    cluster: ClusterSettings
    charts: ChartsSettings
    istio: IstioSettings
    mesh: MeshSettings
    sample_apps: SampleAppsSettings


settings = load_sections(Settings)
opts = pulumi.ResourceOptions(
    providers=[k8s.Provider("cluster", kubeconfig="", context=settings.cluster.context, enable_config_map_mutable=True)]
)

istio = IstioControlPlane(
    "istio",
    {
        "settings": settings.istio,
        "mesh": settings.mesh,
        "cluster": settings.cluster,
        "charts": settings.charts.chart_source,
        # istiod alone runs there; the lab's own program also has Kiali in istio-system.
        "pod_security": "restricted",
        # SampleApps makes its namespace with the label of the mesh.
        "owned_namespaces": frozenset({NAMESPACE}),
    },
    opts,
)
SampleApps("apps", {"settings": settings.sample_apps, "cluster": settings.cluster, "istio": istio}, opts)

pulumi.export("revision", istio.revision(NAMESPACE))
