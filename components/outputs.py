"""What a person needs right after `up`: where things are and how to reach them."""

import pulumi

from .istio_control_plane import IstioControlPlane
from .kube_prometheus_stack import KubePrometheusStack
from .names import ISTIO_NAMESPACE


def next_steps(istio: IstioControlPlane, monitoring: KubePrometheusStack) -> dict[str, pulumi.Input[str]]:
    """The stack's outputs by name."""
    names = monitoring.names
    prometheus = f"kubectl -n {names.namespace} port-forward svc/{names.prometheus} 9090"
    grafana: dict[str, pulumi.Input[str]] = {
        "grafana": f"kubectl -n {names.namespace} port-forward svc/{names.grafana} 3000:80 # then http://localhost:3000",
        "grafanaUser": "admin",
        "grafanaPassword": monitoring.grafana_password,
    }
    return {
        "revision": istio.default_revision,
        "prometheus": f"{prometheus} # then http://localhost:9090",
        **(grafana if monitoring.has_grafana else {}),
        "kiali": f"kubectl -n {ISTIO_NAMESPACE} port-forward svc/kiali 20001 # then http://localhost:20001/kiali",
    }
