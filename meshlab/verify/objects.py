"""What checks require of Kubernetes objects; Failed or NotApplicable is what comes of it otherwise."""

from kube.api_objects import Manifest, MissingError, Resource, mapping
from kube.cluster import Cluster
from kube.objects import NODES, PODS, is_simulated, name_of, selector_of
from kube.pod_troubles import troubles

from ..comparison.declared import differences
from ..results.outcome import Failed, NotApplicable

SHOWN_DIFFERENCES = 3


def fetched(cluster: Cluster, resource: Resource, name: str, namespace: str = "") -> Manifest:
    """One object; Failed where it is not there."""
    try:
        return cluster.get(resource, name, namespace)
    except MissingError:
        raise Failed(
            f"{resource.kind} {name} is not there" + (f" (namespace {namespace})" if namespace else "")
        ) from None


def require_same(expected: Manifest, seen: Manifest) -> None:
    """Failed where `seen` is not what `expected` declares."""
    found = list(differences(expected, seen))
    if found:
        more = f" and {len(found) - SHOWN_DIFFERENCES} more" if len(found) > SHOWN_DIFFERENCES else ""
        what = f"{expected.get('kind', '')} {name_of(expected)}"
        raise Failed(f"{what}: {'; '.join(found[:SHOWN_DIFFERENCES])}{more}", tuple(found) if more else ())


def available(cluster: Cluster, deployment: Manifest) -> str:
    """`n of n` pods of a Deployment or StatefulSet that is rolled out; else Failed, with the reasons of its pods."""
    status, name = mapping(deployment.get("status")), name_of(deployment)
    wanted = int(deployment["spec"].get("replicas", 1))
    ready, updated = int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0))
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        raise Failed(f"{name}: its last change has not been seen by its controller")
    if ready < wanted or updated < wanted or ready == 0:
        pods = cluster.list(PODS, deployment["metadata"]["namespace"])
        why = "".join(f"; {trouble}" for trouble in troubles(pods, selector_of(deployment)))
        raise Failed(f"{name}: {ready} of {wanted} pods ready, {updated} of the present template{why}")
    return f"{ready} of {wanted}"


def require_real(cluster: Cluster, pod: Manifest) -> None:
    """NotApplicable where the pod's node is simulated."""
    node = str(pod["spec"].get("nodeName", ""))
    if node and is_simulated(cluster.get(NODES, node)):
        raise NotApplicable(f"pod {name_of(pod)} does not really run: its node {node} is simulated by kwok")
