"""What is in a cluster although nothing renders it, as data: who makes it, and by which name or labels.

A line here is a promise of somebody else's program, so each says whose.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from kube.api_objects import entries, mapping
from settings.names import ISTIO_NAMESPACE

from ..render.objects import KubernetesObject

ANY = "*"


@dataclass(frozen=True)
class Made:
    """Objects that somebody makes at run time."""

    kind: str
    namespace: str
    name: str
    """A pattern; `*` stands for any characters."""
    by: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: Mapping[str, int] = field(default_factory=dict[str, int])

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether an object is one of these."""
        return kind == self.kind and fnmatchcase(namespace, self.namespace) and fnmatchcase(name, self.name)


MADE = (
    Made("Namespace", "", "default", "the API server"),
    Made("Namespace", "", "kube-*", "the API server"),
    Made("ServiceAccount", ANY, "default", "the controller manager, in every namespace"),
    Made("ConfigMap", ANY, "kube-root-ca.crt", "the controller manager, in every namespace"),
    Made("ConfigMap", ANY, "istio-ca-root-cert", "istiod, in every namespace of its mesh"),
    Made("ClusterRole", "", "system:*", "the API server"),
    Made("ClusterRole", "", "cluster-admin", "the API server"),
    Made("ClusterRole", "", "admin", "the API server"),
    Made("ClusterRole", "", "edit", "the API server"),
    Made("ClusterRole", "", "view", "the API server"),
    Made("PriorityClass", "", "system-cluster-critical", "the API server"),
    Made("PriorityClass", "", "system-node-critical", "the API server"),
    Made(
        "Service", "default", "kubernetes", "the API server",
        {"component": "apiserver", "provider": "kubernetes"}, {"https": 443},
    ),
    Made("Service", "kube-system", "kube-dns", "the cluster's installer", {"k8s-app": "kube-dns"}, {"dns": 53}),
    Made(
        "Service", "kube-system", ANY, "the Prometheus operator, for its flag --kubelet-service",
        {"k8s-app": "kubelet", "app.kubernetes.io/name": "kubelet"},
        {"https-metrics": 10250, "http-metrics": 10255, "cadvisor": 4194},
    ),
    Made("Service", ANY, "prometheus-operated", "the Prometheus operator", {}, {"web": 9090}),
    Made("Service", ANY, "alertmanager-operated", "the Prometheus operator", {}, {"web": 9093}),
    Made("Service", ISTIO_NAMESPACE, "kiali", "the Kiali operator", {}, {"http": 20001, "http-metrics": 9090}),
    Made("ServiceAccount", ISTIO_NAMESPACE, "kiali-service-account", "the Kiali operator"),
)  # fmt: skip

CLUSTERS_OWN = ("kube-system",)
"""Namespaces whose pods the cluster brings itself."""

INJECTED_PORTS = {"http-envoy-prom": 15090}
"""What istiod's injector adds to a pod's ports."""

UNSELECTED = (
    # At 42.2.1 the chart forgets the label on this one: Prometheus does not scrape Grafana itself.
    ("ServiceMonitor", "app.kubernetes.io/name", "grafana"),
)
"""Kind, label and its value of what no Prometheus selects, and nothing can be done about from here."""


@dataclass(frozen=True)
class PodGroup:
    """Pods that are alike: those of a workload, or of an operator's object."""

    owner: KubernetesObject
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    """Numbers by name; an unnamed port is named by its number."""
    replicas: int | None = None


def operated(one: KubernetesObject) -> Iterator[PodGroup]:
    """The pods that an operator makes for its object."""
    spec = mapping(one.manifest.get("spec"))
    extra = mapping(mapping(spec.get("podMetadata")).get("labels"))
    reloader = {"reloader-web": 8080}
    match one.group, one.kind:
        case "monitoring.coreos.com", "Prometheus" | "PrometheusAgent":
            labels = {
                **_operated("prometheus", one.name),
                "operator.prometheus.io/name": one.name,
                "prometheus": one.name,
            }
            ports = {str(spec.get("portName") or "web"): 9090, **reloader, "grpc": 10901, "http": 10902}
            yield PodGroup(one, one.namespace, {**labels, **extra}, ports, spec.get("replicas"))
        case "monitoring.coreos.com", "Alertmanager":
            labels = {**_operated("alertmanager", one.name), "alertmanager": one.name}
            ports = {str(spec.get("portName") or "web"): 9093, "mesh-tcp": 9094, "mesh-udp": 9094, **reloader}
            yield PodGroup(one, one.namespace, {**labels, **extra}, ports, spec.get("replicas"))
        case "monitoring.coreos.com", "ThanosRuler":
            labels = {**_operated("thanos-ruler", one.name), "thanos-ruler": one.name}
            ports = {str(spec.get("portName") or "web"): 10902, "grpc": 10901, **reloader}
            yield PodGroup(one, one.namespace, {**labels, **extra}, ports, spec.get("replicas"))
        case "kiali.io", "Kiali":
            place = mapping(spec.get("deployment")).get("namespace") or one.namespace
            labels = {"app": "kiali", "app.kubernetes.io/name": "kiali", "app.kubernetes.io/instance": one.name}
            yield PodGroup(one, place, labels, {"api-port": 20001, "http-metrics": 9090})
        case _:
            pass


def _operated(program: str, name: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": program,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "prometheus-operator",
    }


def secrets_made(one: KubernetesObject) -> Iterator[str]:
    """The Secrets, in the object's own namespace, that somebody makes of an object."""
    spec = mapping(one.manifest.get("spec"))
    match one.group, one.kind:
        case "cert-manager.io", "Certificate":
            yield str(spec.get("secretName"))
        case "external-secrets.io", "ExternalSecret":
            yield str(mapping(spec.get("target")).get("name") or one.name)
        case "bitnami.com", "SealedSecret":
            yield one.name
        case "batch", "Job":
            # The charts' Jobs that make a certificate say where they put it.
            for container in entries(spec["template"]["spec"].get("containers")):
                for argument in container.get("args") or ():
                    if str(argument).startswith("--secret-name="):
                        yield str(argument).partition("=")[2]
        case _:
            pass
