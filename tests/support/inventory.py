"""What there is in a cluster, so that a test can say what came, what stayed and what went."""

import json
from typing import Any

from embedded.cluster import EmbeddedCluster

from .waiting import patiently

AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
"""Label of an APIService that the API server keeps by itself, one for each group and version of its CRDs."""
# What the cluster's own controllers make and renew by themselves.
OF_THE_CLUSTER = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"}
MADE_BY_CONTROLLERS = ("Pod ", "ReplicaSet ", "EndpointSlice ", "IPAddress ", "ControllerRevision ")


def inventory(cluster: EmbeddedCluster) -> dict[str, str]:
    """UID of every object by `<resource>.<group> <namespace>/<name>`, but for what the cluster renews by itself."""
    found: dict[str, str] = {}
    kinds = [kind for kind in _listable(cluster) if kind not in OF_THE_CLUSTER]
    listed = _got(cluster, "get", ",".join(kinds), "-A", "--ignore-not-found", "-o", "json")
    for item in json.loads(listed or '{"items": []}')["items"]:
        metadata = item["metadata"]
        if AUTOMANAGED in metadata.get("labels", {}):
            continue
        found[f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"] = metadata["uid"]
    return found


def declared(cluster: EmbeddedCluster) -> list[str]:
    """Every object but those that controllers make of others, and helm's records, which tell of the way."""
    found = [name for name in inventory(cluster) if not name.startswith(MADE_BY_CONTROLLERS)]
    return sorted(name for name in found if "sh.helm.release" not in name)


def objects(cluster: EmbeddedCluster, *what: str) -> list[dict[str, Any]]:
    """The items of `kubectl get <what> -o json`."""
    answer: dict[str, Any] = json.loads(_got(cluster, "get", *what, "-o", "json"))
    return answer.get("items", [answer])


def _listable(cluster: EmbeddedCluster) -> list[str]:
    return _got(cluster, "api-resources", "--verbs=list", "-o", "name").split()


def _got(cluster: EmbeddedCluster, *words: str) -> str:
    """What kubectl writes for a command that only reads."""
    return patiently(lambda: cluster.kubectl(*words, timeout=120).stdout)
