"""What the real node is called, where its things lie, and its addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

NODE = "real-node"
LABEL = "meshlab.io/node"
"""The node's own label, with the value `real`; kwok plays the nodes that do not have it."""
NODE_TOOLS = ("kubelet", "kube-proxy", "coredns", "kube-router", "pause")
SANDBOX_IMAGE = "registry.k8s.io/pause:meshlab"
"""What holds a pod's namespaces open, under the repository that it has elsewhere too; built here by embedded.images."""
INSIDE = Path("/run/node")
"""Where the node's own processes see the node's folder: a socket's path may have 107 characters and no more."""
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
PLACEMENT_PORT = 10290
"""In the node's network namespace, where nothing else is, so that it need not be a free one."""


@dataclass(frozen=True)
class Ranges:
    """Addresses in the node's network namespace. `services` is that of the cluster, `simulated` the one of the pods and
    nodes that are not there, and `api_server` where the Service `kubernetes` leads."""

    services: str
    simulated: str
    api_server: str
    pods: str = "10.244.0.0/24"

    @property
    def node(self) -> str:
        """The node's own address, and the gateway of its pods."""
        return str(ipaddress.ip_network(self.pods)[1])

    @property
    def first_pod(self) -> str:
        return str(ipaddress.ip_network(self.pods)[2])

    @property
    def dns(self) -> str:
        """The address of the Service kube-dns, which each pod's resolv.conf has."""
        return str(ipaddress.ip_network(self.services)[10])

    @property
    def kubernetes(self) -> str:
        """The address of the Service `kubernetes`."""
        return str(ipaddress.ip_network(self.services)[1])
