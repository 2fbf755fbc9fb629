"""What there is in a cluster, so that a test can say what came, what stayed and what went."""

import json
from typing import Any

from embedded.cluster import EmbeddedCluster
from kube.api_objects import Manifest, MissingError, Resource
from kube.cluster import Cluster
from kube.discovery import Kinds

from .waiting import eventually, patiently

AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
"""Label of an APIService that the API server keeps by itself, one for each group and version of its CRDs."""
# What the cluster's own controllers make and renew by themselves.
OF_THE_CLUSTER = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"}
MADE_BY_CONTROLLERS = ("Pod ", "ReplicaSet ", "EndpointSlice ", "IPAddress ", "ControllerRevision ")
OF_ISTIOD = ("/istio-ca-root-cert", "/istio-ca-crl")
"""ConfigMaps that istiod writes into every namespace, some time after it has come up, and takes back from none."""


def inventory(cluster: EmbeddedCluster) -> dict[str, str]:
    """UID of every object by `<kind> <namespace>/<name>`, but for what the cluster renews by itself.

    Not kubectl's: it fetches every object whole, the CRDs and helm's records too, and takes eight times as long.
    """
    client = Cluster(cluster.kubeconfig)

    def served() -> Kinds | None:
        found = patiently(client.kinds)
        return None if found.silent else found

    kinds = eventually(served, "every group of the API answers").listable()
    return {
        f"{kind.resource.kind} {metadata.get('namespace', '')}/{metadata['name']}": metadata["uid"]
        for kind in kinds
        if kind.label not in OF_THE_CLUSTER
        for metadata in _metadata(client, kind.resource)
        if AUTOMANAGED not in metadata.get("labels", {})
    }


def declared(cluster: EmbeddedCluster) -> list[str]:
    """Every object but those that controllers and istiod make, and helm's records, which tell of the way."""
    found = [name for name in inventory(cluster) if not name.startswith(MADE_BY_CONTROLLERS)]
    return sorted(name for name in found if "sh.helm.release" not in name and not is_of_istiod(name))


def is_of_istiod(name: str) -> bool:
    """Whether an object of the inventory is one that istiod writes into every namespace."""
    return name.startswith("ConfigMap ") and name.endswith(OF_ISTIOD)


def objects(cluster: EmbeddedCluster, *what: str) -> list[dict[str, Any]]:
    """The items of `kubectl get <what> -o json`."""
    answer: dict[str, Any] = json.loads(_got(cluster, "get", *what, "-o", "json"))
    return answer.get("items", [answer])


def _metadata(client: Cluster, resource: Resource) -> list[Manifest]:
    try:
        return [one["metadata"] for one in patiently(lambda: client.metadata(resource))]
    except MissingError:  # its CRD has gone meanwhile
        return []


def _got(cluster: EmbeddedCluster, *words: str) -> str:
    """What kubectl writes for a command that only reads."""
    return patiently(lambda: cluster.kubectl(*words, timeout=120).stdout)
