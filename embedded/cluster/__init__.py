"""The embedded cluster: a real control plane on loopback with simulated nodes; docs/embedded_cluster.md tells more.

    with EmbeddedCluster.up("demo", state_dir=Path(".state")) as cluster:
        cluster.kubectl("get", "nodes")

A cluster of `EmbeddedCluster.up` lives as long as the process that asked for it. `up` and `down` are for clusters that
stay.
"""

from .embedded import (
    CLUSTER_TOOLS,
    ClusterStatus,
    EmbeddedCluster,
    build_images,
    down,
    exists,
    status,
    up,
    wanted_tools,
)
from .layout import Network

__all__ = [
    "CLUSTER_TOOLS",
    "ClusterStatus",
    "EmbeddedCluster",
    "Network",
    "build_images",
    "down",
    "exists",
    "status",
    "up",
    "wanted_tools",
]
