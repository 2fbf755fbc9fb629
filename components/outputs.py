"""What a person needs right after `up`: where things are and how to reach them."""

import pulumi

from settings.names import ISTIO_NAMESPACE

from .istio_control_plane import IstioControlPlane
from .kube_prometheus_stack import KubePrometheusStack


def next_steps(istio: IstioControlPlane, monitoring: KubePrometheusStack) -> dict[str, pulumi.Input[str]]:
    """The stack's outputs by name."""
    names = monitoring.names
    prometheus = (
        f"kubectl -n {names.namespace} port-forward svc/{names.prometheus} {_ports(9090, names.prometheus_port)}"
    )
    forward = f"kubectl -n {names.namespace} port-forward svc/{names.grafana} {_ports(3000, names.grafana_port)}"
    grafana: dict[str, pulumi.Input[str]] = {
        "grafana": f"{forward} # then http://localhost:3000",
        "grafanaUser": "admin",
        "grafanaPassword": monitoring.grafana_password,
    }
    return {
        "revision": istio.default_revision,
        "prometheus": f"{prometheus} # then http://localhost:9090{names.prometheus_path}",
        **(grafana if monitoring.has_grafana else {}),
        "kiali": f"kubectl -n {ISTIO_NAMESPACE} port-forward svc/kiali 20001 # then http://localhost:20001/kiali",
    }


def _ports(here: int, there: int) -> str:
    """The ports of a port-forward as kubectl takes them."""
    return str(here) if here == there else f"{here}:{there}"
