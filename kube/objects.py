"""What Kubernetes objects say: their names and labels, whether they are ready, where they lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .api_objects import Manifest, MissingError, Resource, entries, mapping

if TYPE_CHECKING:
    # Who only asks for a name needs no client.
    from .cluster import Cluster

NODES = Resource("v1", "nodes", "Node")
NAMESPACES = Resource("v1", "namespaces", "Namespace")
PODS = Resource("v1", "pods", "Pod")
SERVICES = Resource("v1", "services", "Service")
CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
SECRETS = Resource("v1", "secrets", "Secret")
DEPLOYMENTS = Resource("apps/v1", "deployments", "Deployment")
STATEFUL_SETS = Resource("apps/v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Resource("apps/v1", "daemonsets", "DaemonSet")
ENDPOINT_SLICES = Resource("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
CRDS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition")
INJECTORS = Resource("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
VALIDATORS = Resource(
    "admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"
)
PROMETHEUSES = Resource("monitoring.coreos.com/v1", "prometheuses", "Prometheus")
KIALIS = Resource("kiali.io/v1alpha1", "kialis", "Kiali")


def resource_of(manifest: Manifest) -> Resource:
    """The kind of object that a manifest is."""
    kind = str(manifest["kind"])
    return Resource(str(manifest["apiVersion"]), plural(kind), kind)


def plural(kind: str) -> str:
    """The resource name of a kind, by the rule that Kubernetes' own kinds and those of the lab follow."""
    name = kind.lower()
    if name.endswith("endpoints"):
        return name
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch")) else f"{name}s"


def uid_of(cluster: Cluster) -> str:
    """The UID of namespace kube-system, which identifies a cluster: one that is created again has another."""
    return str(cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"])


def name_of(manifest: Manifest) -> str:
    """metadata.name."""
    return str(manifest["metadata"]["name"])


def labels_of(manifest: Manifest) -> dict[str, str]:
    """metadata.labels, empty where there are none."""
    return dict(manifest["metadata"].get("labels") or {})


def selector_of(workload: Manifest) -> dict[str, str]:
    """The labels by which a workload selects its pods; none where it selects them in another way."""
    labels = mapping(mapping(workload["spec"].get("selector")).get("matchLabels"))
    return {key: str(value) for key, value in labels.items()}


def annotations_of(manifest: Manifest) -> dict[str, str]:
    """metadata.annotations, empty where there are none."""
    return dict(manifest["metadata"].get("annotations") or {})


def listed(
    cluster: Cluster, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
) -> Sequence[Manifest]:
    """The objects of a kind; none where the cluster does not know the kind."""
    try:
        return cluster.list(resource, namespace, labels)
    except MissingError:
        return []


def is_ready(pod: Manifest) -> bool:
    """Whether a pod takes traffic and is not on its way out."""
    conditions = entries(mapping(pod.get("status")).get("conditions"))
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def ready_pods(cluster: Cluster, namespace: str, labels: Mapping[str, str]) -> list[Manifest]:
    """The ready pods with these labels, by name."""
    return sorted(filter(is_ready, cluster.list(PODS, namespace, labels)), key=name_of)


def endpoints(cluster: Cluster, namespace: str, service: str) -> list[tuple[str, dict[str, int]]]:
    """The ready pods behind a Service by name, with the ports that it leads to by their names."""
    found: list[tuple[str, dict[str, int]]] = []
    for piece in listed(cluster, ENDPOINT_SLICES, namespace, {"kubernetes.io/service-name": service}):
        ports = {str(port.get("name") or ""): int(port["port"]) for port in entries(piece.get("ports"))}
        for endpoint in entries(piece.get("endpoints")):
            target = mapping(endpoint.get("targetRef"))
            if mapping(endpoint.get("conditions")).get("ready", True) and target.get("kind") == "Pod":
                found.append((str(target["name"]), ports))
    return sorted(found, key=lambda entry: entry[0])


def container_names(pod: Manifest) -> list[str]:
    """The containers that run all the time: a sidecar may be an init container that is restarted always."""
    stay = [
        container
        for container in entries(pod["spec"].get("initContainers"))
        if container.get("restartPolicy") == "Always"
    ]
    return [str(container["name"]) for container in (*pod["spec"]["containers"], *stay)]


def is_simulated(node: Manifest) -> bool:
    """Whether a node is one of kwok's: what it calls a running pod is an entry in its status and no more."""
    told = str(mapping(mapping(node.get("status")).get("nodeInfo")).get("kubeletVersion", ""))
    return told.startswith("kwok-") or annotations_of(node).get("kwok.x-k8s.io/node") == "fake"


def is_all_simulated(cluster: Cluster) -> bool:
    """Whether all nodes are simulated, so that no operator does its work."""
    return all(is_simulated(node) for node in cluster.list(NODES))
