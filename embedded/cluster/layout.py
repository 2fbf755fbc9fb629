"""What the embedded cluster is made of, as data: addresses, ports and the files that kwokctl and its parts read."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base.goyaml.text import to_yaml

from ..node.layout import LABEL, PLACEMENT_PORT

STAGES = Path(__file__).parent / "stages"
"""What kwok does with nodes, pods and claims, for which it brings nothing of its own."""
LOOPBACK = "127.0.0.1"
# Nobody plays these parts here: claims are bound by a stage of ours, and no volume is ever attached.
UNUSED_CONTROLLERS = (
    "persistentvolume-binder-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-expander-controller",
)
# They would keep a pod pending until its claims name real volumes.
VOLUME_PLUGINS = ("VolumeBinding", "VolumeZone")
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller")
PORT_OPTIONS = ("kubeApiserverPort", "etcdPort", "etcdPeerPort", "kwokControllerPort")
NODES = "/api/v1/nodes"
# For the controller manager and the scheduler. Nobody asks them for anything, and to serve, each would make two RSA
# keys at every start. kwokctl names a port before this; the last one counts.
SERVES_NOTHING = {"secure-port": "0"}


@dataclass(frozen=True)
class Network:
    """The ranges that Services and pods get their addresses from; nodes and the API server have the last of `pods`.

    No pod runs, so nothing may ever be sent to these addresses, and whatever tries has to fail at once: a webhook that
    fails open would else hold up each request for its whole time limit. Multicast addresses do just that: the kernel
    refuses to connect to them, without a route and without rights, and no packet leaves. Loopback addresses would not
    do, since the API server takes none as an endpoint. A test that lets pods answer gives ranges of its own.
    """

    services: str = "239.96.0.0/16"
    pods: str = "239.244.0.0/16"

    @property
    def api_server(self) -> str:
        """The address in the endpoints of the Service `kubernetes`."""
        return str(ipaddress.ip_network(self.pods)[-2])

    def node(self, index: int) -> str:
        return str(ipaddress.ip_network(self.pods)[-3 - index])

    @property
    def first_pod(self) -> str:
        """The range as kwok wants it: with the first address to give out."""
        network = ipaddress.ip_network(self.pods)
        return f"{network[1]}/{network.prefixlen}"


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nothing listens on, below those that the kernel gives to outgoing connections: the
    cluster's own connections could else take a port before its owner comes to listen on it."""
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    candidates = list(range(20000, max(lowest_outgoing, 24000)))
    random.shuffle(candidates)
    free: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            free.append(port)
            if len(free) == count:
                return free
    raise OSError(f"no {count} free ports on {LOOPBACK}")


def kwokctl_files(
    folder: Path, network: Network, tools: Mapping[str, Path], egress: Path | None = None, pki: Path | None = None
) -> Path:
    """Writes what `kwokctl create cluster` reads into the folder and returns the path of its configuration.

    `egress` is a file that tells the API server its way into the cluster, where it is not the usual one. `pki` is the
    folder of its certificates where it has a real node, whose kubelet wants to know who calls it.
    """
    scheduler = folder / "scheduler.yaml"
    scheduler.write_text(_dump([_scheduler(real_node=pki is not None)]), encoding="utf-8")
    config = folder / "kwokctl.yaml"
    ports: dict[str, int] = dict(zip(PORT_OPTIONS, free_ports(len(PORT_OPTIONS)), strict=True))
    kwokctl = _kwokctl(network, tools, scheduler, ports, egress)
    if pki:
        _beside_a_real_node(kwokctl, network, pki)
    stages = [file.read_text(encoding="utf-8") for file in sorted(STAGES.glob("*.yaml"))]
    config.write_text("---\n".join([_dump([kwokctl]), *stages]), encoding="utf-8")
    return config


def nodes(count: int, network: Network) -> Iterator[tuple[str, dict[str, Any]]]:
    """The simulated nodes, large enough for whatever a lab schedules, each after its collection's path."""
    return ((NODES, _node(index, network)) for index in range(count))


def _kwokctl(
    network: Network, tools: Mapping[str, Path], scheduler: Path, ports: Mapping[str, int], egress: Path | None
) -> dict[str, Any]:
    extra: dict[str, dict[str, str]] = {
        # Nothing here outlives a crash of the machine; syncing each write would only be slow.
        "etcd": {"unsafe-no-fsync": "true"},
        # Without an address of its own the API server takes one of the host, and fails where there is none.
        "kube-apiserver": {"service-cluster-ip-range": network.services, "advertise-address": network.api_server},
        "kube-controller-manager": {
            "controllers": ",".join(["*", *(f"-{name}" for name in UNUSED_CONTROLLERS)]),
            "leader-elect": "false",
            **SERVES_NOTHING,
        },
        "kube-scheduler": SERVES_NOTHING,
        # Not in a KwokConfiguration: kwok 0.8 gives what such a file leaves out no defaults.
        "kwok-controller": {"cidr": network.first_pod},
    }
    if egress:
        extra["kube-apiserver"]["egress-selector-config-file"] = str(egress)
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            "runtime": "binary",
            "bindAddress": LOOPBACK,  # kwokctl's own default is every address of the host
            "disableQPSLimits": True,
            "kubeSchedulerConfig": str(scheduler),
            "kubectlBinary": str(tools["kubectl"]),
            "etcdBinary": str(tools["etcd"]),
            "kubeApiserverBinary": str(tools["kube-apiserver"]),
            "kubeControllerManagerBinary": str(tools["kube-controller-manager"]),
            "kubeSchedulerBinary": str(tools["kube-scheduler"]),
            "kwokControllerBinary": str(tools["kwok"]),
            **ports,
        },
        "componentsPatches": [
            {"name": component, "extraArgs": [{"key": key, "value": value} for key, value in arguments.items()]}
            for component, arguments in extra.items()
        ],
    }


def _beside_a_real_node(kwokctl: dict[str, Any], network: Network, pki: Path) -> None:
    """What changes in the control plane where pods run: they call the API server, which calls their node."""
    kubernetes = str(ipaddress.ip_network(network.services)[1])
    kwokctl["options"]["kubeApiserverCertSANs"] = [network.api_server, kubernetes]
    server = {
        "bind-address": "0.0.0.0",  # in a network of its own, where only the node and its pods are
        "kubelet-client-certificate": str(pki / "admin.crt"),
        "kubelet-client-key": str(pki / "admin.key"),
        "kubelet-preferred-address-types": "InternalIP",
    }
    simulated = {"manage-all-nodes": "false", "manage-nodes-with-label-selector": f"{LABEL}!=real"}
    kwokctl["componentsPatches"] += [
        {"name": name, "extraArgs": [{"key": key, "value": value} for key, value in arguments.items()]}
        for name, arguments in {"kube-apiserver": server, "kwok-controller": simulated}.items()
    ]


def _scheduler(*, real_node: bool) -> dict[str, Any]:
    """With a real node, `embedded.node.placement` says which pods go there."""
    placement = {
        "urlPrefix": f"http://{LOOPBACK}:{PLACEMENT_PORT}",
        "filterVerb": "filter",
        "nodeCacheCapable": True,
        "httpTimeout": "5s",
    }
    return {
        **({"extenders": [placement]} if real_node else {}),
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "profiles": [
            {
                "schedulerName": "default-scheduler",
                "plugins": {"multiPoint": {"disabled": [{"name": name} for name in VOLUME_PLUGINS]}},
            }
        ],
    }


def _node(index: int, network: Network) -> dict[str, Any]:
    name = f"node-{index + 1}"
    size = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            },
        },
        # A pod on the host's network takes the node's address, so it has to be one that an endpoint may have.
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": network.node(index)},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": size,
            "capacity": size,
        },
    }


def _dump(documents: Iterable[dict[str, Any]]) -> str:
    return "---\n".join(map(to_yaml, documents))
