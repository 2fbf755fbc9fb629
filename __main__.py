"""The lab as one Pulumi program: settings, one provider, components, outputs."""

import pulumi
import pulumi_kubernetes as k8s

from components import sample_apps
from components.envoy_demo import EnvoyDemo
from components.istio_control_plane import IstioControlPlane
from components.kiali_operator import KialiOperator
from components.kiali_spec import pod_security
from components.kube_prometheus_stack import KubePrometheusStack
from components.mesh_monitors import MeshMonitors
from components.mesh_rollout import MeshRollout
from components.outputs import next_steps
from components.sample_apps import SampleApps
from settings.reading import load_settings

settings = load_settings()
charts = settings.charts.chart_source

cluster = k8s.Provider(
    "cluster",
    # The provider reads kubeconfigs itself, as kubectl does: the SDK would hand it KUBECONFIG as if it were one file.
    kubeconfig="",
    context=settings.cluster.context,
    # Where it is set: another address of the same cluster is no other cluster, in which everything would be made anew.
    cluster_identifier=settings.cluster.cluster_uid,
    # A changed dashboard is an update; the default replaces ConfigMaps, and there would be a moment with none.
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
    # Where helm's own records are is no matter of the caller's environment: elsewhere, every release is a new one.
    helm_release_settings={"driver": "secret"},
)
opts = pulumi.ResourceOptions(providers=[cluster])

# First, since it takes longest: what is registered first is begun first.
monitoring = KubePrometheusStack(
    "monitoring", {"settings": settings.monitoring, "cluster": settings.cluster, "charts": charts}, opts
)
istio = IstioControlPlane(
    "istio",
    {
        "settings": settings.istio,
        "cluster": settings.cluster,
        "mesh": settings.mesh,
        "pod_security": pod_security(settings.kiali),
        "charts": charts,
        "owned_namespaces": frozenset({sample_apps.NAMESPACE} if settings.sample_apps.enabled else ()),
    },
    opts,
)
MeshMonitors(
    "mesh-monitors",
    {
        "settings": settings.mesh_monitors,
        "monitoring": monitoring,
        "istio": istio,
        "envoy_demo": settings.envoy_demo.enabled,
    },
    opts,
)
KialiOperator(
    "kiali",
    {
        "settings": settings.kiali,
        "cluster": settings.cluster,
        "charts": charts,
        "istio": istio,
        "monitoring": monitoring,
    },
    opts,
)
apps: list[EnvoyDemo | SampleApps] = []
if settings.envoy_demo.enabled:
    apps.append(
        EnvoyDemo("envoy-demo", {"settings": settings.envoy_demo, "cluster": settings.cluster, "istio": istio}, opts)
    )
if settings.sample_apps.enabled:
    apps.append(
        SampleApps("sample-apps", {"settings": settings.sample_apps, "cluster": settings.cluster, "istio": istio}, opts)
    )
MeshRollout(
    "mesh-rollout",
    {
        "settings": settings.mesh,
        "istio_settings": settings.istio,
        "cluster": settings.cluster,
        "istio": istio,
        "workloads": [workload for app in apps for workload in app.workloads],
    },
    opts,
)

for output, value in next_steps(istio, monitoring).items():
    pulumi.export(output, value)
