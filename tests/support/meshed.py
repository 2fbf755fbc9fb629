"""What must hold of the mesh at every step of a canary, as assertions over a live cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

import kube.cluster
from embedded.cluster import EmbeddedCluster
from meshlab.mesh.status import MeshStatus, look

from .inventory import objects

MONITOR = "istio-component-monitor"


def namespace(name: str, label: str = "") -> dict[str, Any]:
    """A namespace, of an owner who labels it or does not."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"istio.io/rev": label} if label else {}},
    }


def deployment(namespace: str, name: str, replicas: int = 1) -> dict[str, Any]:
    """A workload of an owner."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
            },
        },
    }


def pods_by_workload(cluster: EmbeddedCluster, namespaces: set[str]) -> dict[str, set[str]]:
    """UIDs of the pods of each `namespace/app`: others after a roll."""
    found: dict[str, set[str]] = {}
    for pod in objects(cluster, "pods", "-A"):
        metadata = pod["metadata"]
        if metadata["namespace"] in namespaces and "deletionTimestamp" not in metadata:
            found.setdefault(f"{metadata['namespace']}/{metadata['labels']['app']}", set()).add(metadata["uid"])
    return found


def status(cluster: EmbeddedCluster) -> MeshStatus:
    """What `meshlab canary --status` rests on."""
    return look(kube.cluster.Cluster(cluster.kubeconfig))


def every_namespace_has_its_injector(cluster: EmbeddedCluster, namespaces: set[str]) -> None:
    """The label of each namespace is one that a webhook looks for whose istiod is ready, and no two do."""
    ready = {
        object_["metadata"]["name"]
        for object_ in objects(cluster, "deployments", "-n", "istio-system", "-l", "app=istiod")
        if object_["status"].get("availableReplicas", 0) >= 1
    }
    leads: dict[str, list[str]] = {}
    for webhook in _webhooks(cluster):
        for term in webhook["namespaceSelector"]["matchExpressions"]:
            if term["key"] == "istio.io/rev" and term["operator"] == "In":
                service = webhook["clientConfig"]["service"]["name"]
                assert webhook["clientConfig"].get("caBundle"), webhook
                for label in term["values"]:
                    leads.setdefault(label, []).append(service)
    for object_ in objects(cluster, "namespaces"):
        name = object_["metadata"]["name"]
        if name in namespaces:
            (service,) = leads[object_["metadata"]["labels"]["istio.io/rev"]]
            assert service in ready, f"{name}: {service} is not ready"


def each_istiod_is_seen_once(cluster: EmbeddedCluster) -> None:
    """The monitor of the control planes selects exactly one Service that leads to each istiod pod.

    That Prometheus reads the monitor so, the cluster tier shows with a real one.
    """
    (monitor,) = (
        object_
        for object_ in objects(cluster, "servicemonitors", "-n", "prometheus")
        if object_["metadata"]["name"] == MONITOR
    )
    selector = monitor["spec"]["selector"]
    pods = [
        pod
        for pod in objects(cluster, "pods", "-n", "istio-system")
        if pod["metadata"]["labels"].get("app") == "istiod"
    ]
    services = [
        object_["spec"]["selector"]
        for object_ in objects(cluster, "services", "-n", "istio-system")
        if _selects(selector, object_["metadata"].get("labels", {}))
    ]
    assert pods
    for pod in pods:
        leading = [service for service in services if service.items() <= pod["metadata"]["labels"].items()]
        assert len(leading) == 1, f"{pod['metadata']['name']}: {leading}"


def the_default_revision_is(cluster: EmbeddedCluster, revision: str) -> None:
    """Validation, the Service `istiod` and the spec of a Kiali that names one are all of one revision."""
    (validator,) = objects(cluster, "validatingwebhookconfigurations", "istiod-default-validator")
    assert validator["metadata"]["labels"]["istio.io/rev"] == revision
    assert [webhook["clientConfig"]["service"]["name"] for webhook in validator["webhooks"]] == [f"istiod-{revision}"]
    assert all(webhook["clientConfig"].get("caBundle") for webhook in validator["webhooks"])
    (alias,) = objects(cluster, "service", "istiod", "-n", "istio-system")
    assert alias["spec"]["selector"]["istio.io/rev"] == revision
    (kiali,) = objects(cluster, "kialis", "-n", "istio-system")
    istio = kiali["spec"]["external_services"].get("istio")
    if istio is not None:  # from 2.14 on Kiali finds the control planes by itself
        assert istio["istiod_deployment_name"] == f"istiod-{revision}"
        assert istio["config_map_name"] == f"istio-{revision}"


def _webhooks(cluster: EmbeddedCluster) -> Iterator[Mapping[str, Any]]:
    for configuration in objects(cluster, "mutatingwebhookconfigurations"):
        if configuration["metadata"].get("labels", {}).get("app") == "sidecar-injector":
            yield from configuration["webhooks"]


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    for term in selector.get("matchExpressions", []):
        there = term["key"] in labels
        if {
            "Exists": not there,
            "DoesNotExist": there,
            "In": labels.get(term["key"]) not in term.get("values", []),
        }[term["operator"]]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()
