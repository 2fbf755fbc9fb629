"""What a tool has brought to a cluster, by kind: so that figures for different work are not taken for the same work."""

from embedded.cluster import EmbeddedCluster

KINDS = (
    "customresourcedefinitions",
    "deployments",
    "configmaps",
    "servicemonitors.monitoring.coreos.com",
    "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com",
    "networkpolicies",
    "kialis.kiali.io",
)
"""Those that differ between the tools."""


def count(cluster: EmbeddedCluster) -> dict[str, int]:
    """Number of objects in the whole cluster by kind; none of a kind that the cluster does not know."""
    return {kind.partition(".")[0]: _count(cluster, kind) for kind in KINDS}


def _count(cluster: EmbeddedCluster, kind: str) -> int:
    listed = cluster.kubectl("get", kind, "-A", "-o", "name", check=False)
    return len(listed.stdout.split()) if listed.code == 0 else 0
