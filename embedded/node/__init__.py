"""One real node for the embedded cluster: containerd, kubelet, kube-proxy and CoreDNS, in namespaces of their own.

docs/real_node.md tells what it is and what it needs. Nothing here knows of clusters' records; embedded.cluster uses it.
"""

from .images import load
from .layout import NODE, NODE_TOOLS, Ranges
from .requirements import NodeError, check

__all__ = ["NODE", "NODE_TOOLS", "NodeError", "Ranges", "check", "load"]
