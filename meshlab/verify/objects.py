"""What checks ask of Kubernetes objects: whether they are as declared, whether they are ready, where they lead."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from kubernetes.utils import quantity as _quantity

from kube.access import Cluster, Manifest, MissingError, Resource, entries, mapping

from ..recording.recorder import SECRET, UNKNOWN
from ..results.outcome import Failed, NotApplicable

parse_quantity = cast(Any, _quantity).parse_quantity  # ships no types

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
INJECTORS = Resource("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
VALIDATORS = Resource(
    "admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"
)
PROMETHEUSES = Resource("monitoring.coreos.com/v1", "prometheuses", "Prometheus")
KIALIS = Resource("kiali.io/v1alpha1", "kialis", "Kiali")

SHOWN_DIFFERENCES = 3


def resource_of(manifest: Manifest) -> Resource:
    """The kind of object that a manifest is one of; its plural by the rule that every kind of the lab follows."""
    kind = str(manifest["kind"])
    lower = kind.lower()
    if lower.endswith("y"):
        plural = f"{lower[:-1]}ies"
    else:
        plural = f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"
    return Resource(str(manifest["apiVersion"]), plural, kind)


def name_of(manifest: Manifest) -> str:
    """metadata.name."""
    return str(manifest["metadata"]["name"])


def labels_of(manifest: Manifest) -> dict[str, str]:
    """metadata.labels, empty where there are none."""
    return dict(manifest["metadata"].get("labels") or {})


def annotations_of(manifest: Manifest) -> dict[str, str]:
    """metadata.annotations, empty where there are none."""
    return dict(manifest["metadata"].get("annotations") or {})


def fetched(cluster: Cluster, resource: Resource, name: str, namespace: str = "") -> Manifest:
    """One object; Failed where it is not there."""
    try:
        return cluster.get(resource, name, namespace)
    except MissingError:
        raise Failed(
            f"{resource.kind} {name} is not there" + (f" (namespace {namespace})" if namespace else "")
        ) from None


def listed(
    cluster: Cluster, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
) -> Sequence[Manifest]:
    """The objects of a kind; none where the cluster does not know the kind."""
    try:
        return cluster.list(resource, namespace, labels)
    except MissingError:
        return []


def differences(expected: object, seen: object, at: str = "") -> Iterator[str]:
    """Where `seen` lacks or changes something of `expected`; what it has besides (defaults, labels) does not count.

    What is not known before `up`, or secret, only has to be there.
    """
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        have = cast(Mapping[str, object], seen)
        for key, value in cast(Mapping[str, object], expected).items():
            if value is not None:
                yield from differences(value, have.get(key), f"{at}.{key}" if at else key)
    elif isinstance(expected, list) and isinstance(seen, list):
        want, got = cast(list[object], expected), cast(list[object], seen)
        if len(want) != len(got):
            yield f"{at}: expected {len(want)} entries, got {len(got)}"
        else:
            for number, (one, other) in enumerate(zip(want, got, strict=True)):
                yield from differences(one, other, f"{at}[{number}]")
    elif expected in (SECRET, UNKNOWN):
        if seen is None:
            yield f"{at}: expected a value, got nothing"
    elif not _same(cast(object, expected), seen, at):
        yield f"{at}: expected {_short(cast(object, expected))}, got {_short(seen)}"


def require_same(expected: Manifest, seen: Manifest) -> None:
    """Failed where `seen` is not what `expected` declares."""
    found = list(differences(expected, seen))
    if found:
        more = f" and {len(found) - SHOWN_DIFFERENCES} more" if len(found) > SHOWN_DIFFERENCES else ""
        what = f"{expected.get('kind', '')} {name_of(expected)}"
        raise Failed(f"{what}: {'; '.join(found[:SHOWN_DIFFERENCES])}{more}", tuple(found) if more else ())


def available(deployment: Manifest) -> str:
    """`n of n` pods of a Deployment or StatefulSet that is rolled out; Failed where it is not."""
    status, name = mapping(deployment.get("status")), name_of(deployment)
    wanted = int(deployment["spec"].get("replicas", 1))
    ready, updated = int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0))
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        raise Failed(f"{name}: its last change has not been seen by its controller")
    if ready < wanted or updated < wanted or ready == 0:
        raise Failed(f"{name}: {ready} of {wanted} pods ready, {updated} of the present template")
    return f"{ready} of {wanted}"


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
    stay = [one for one in entries(pod["spec"].get("initContainers")) if one.get("restartPolicy") == "Always"]
    return [str(container["name"]) for container in (*pod["spec"]["containers"], *stay)]


def is_simulated(node: Manifest) -> bool:
    """Whether a node is one of kwok's: what it calls a running pod is an entry in its status and no more."""
    told = str(mapping(mapping(node.get("status")).get("nodeInfo")).get("kubeletVersion", ""))
    return told.startswith("kwok-") or annotations_of(node).get("kwok.x-k8s.io/node") == "fake"


def require_real(cluster: Cluster, pod: Manifest) -> None:
    """NotApplicable where the pod's node is simulated."""
    node = str(pod["spec"].get("nodeName", ""))
    if node and is_simulated(cluster.get(NODES, node)):
        raise NotApplicable(f"pod {name_of(pod)} does not really run: its node {node} is simulated by kwok")


def nothing_runs(cluster: Cluster) -> bool:
    """Whether all nodes are simulated, so that no operator does its work."""
    return all(is_simulated(node) for node in cluster.list(NODES))


def _same(expected: object, seen: object, at: str) -> bool:
    if expected == seen or (expected in ({}, []) and seen is None):
        return True
    # The API server writes quantities in its own way: 1000m becomes 1.
    if ".resources." in at and isinstance(expected, str | int | float) and isinstance(seen, str | int | float):
        with suppress(ValueError):
            return parse_quantity(expected) == parse_quantity(seen)
    return False


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
