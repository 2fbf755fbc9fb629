"""The files that the node's programs read, as data. `write` puts them into the node's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base.goyaml.text import to_yaml

from . import cgroups
from .layout import CONTAINERD_SOCKET, INSIDE, LABEL, NODE, PLACEMENT_PORT, SANDBOX_IMAGE, Ranges

KUBECONFIG = INSIDE / "kubeconfig"
PARTS = "parts.json"
NETWORK = "network.json"
# Pods are never evicted: the images that they need could not be had again, and the disk is the user's to watch.
NO_EVICTION = {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"}


def write(
    folder: Path, identifier: str, ranges: Ranges, tools: Mapping[str, Path], plugins: Path, python: list[str]
) -> None:
    """Write everything that the node's first process and the programs that it starts read.

    `plugins` is the folder of CNI plugins, `python` the command line that runs a module of ours.
    """
    (folder / "cni").mkdir(parents=True, exist_ok=True)
    (folder / "images").touch()
    files = {
        NETWORK: json.dumps({"ranges": vars(ranges)}),
        PARTS: json.dumps(_parts(tools, python, ranges)),
        "containerd.toml": _containerd(plugins, _snapshotter(folder)),
        "cni/10-pods.conflist": json.dumps(_cni(ranges)),
        "kubelet.yaml": to_yaml(_kubelet(identifier, ranges)),
        "kube-proxy.yaml": to_yaml(_kube_proxy(ranges)),
        "Corefile": _corefile(ranges),
        "resolv.conf": f"nameserver {ranges.node}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _parts(tools: Mapping[str, Path], python: list[str], ranges: Ranges) -> list[dict[str, Any]]:
    """The programs, each with the files that have to be there before it starts."""
    return [
        {
            "name": "containerd",
            "command": ["containerd", "--config", f"{INSIDE}/containerd.toml"],
            "after": [],
        },
        {
            "name": "placement",
            "command": [*python, "embedded.node.placement", f"{INSIDE}/images", str(PLACEMENT_PORT)],
            "after": [],
        },
        {
            "name": "kubelet",
            "command": [
                str(tools["kubelet"]),
                f"--config={INSIDE}/kubelet.yaml",
                f"--kubeconfig={KUBECONFIG}",
                f"--root-dir={INSIDE}/kubelet",
                f"--cert-dir={INSIDE}/kubelet-pki",
                f"--hostname-override={NODE}",
                # There is no default route to find an address by.
                f"--node-ip={ranges.node}",
                f"--node-labels={LABEL}=real",
            ],
            "after": [str(KUBECONFIG), str(CONTAINERD_SOCKET)],
        },
        {
            "name": "kube-proxy",
            "command": [str(tools["kube-proxy"]), f"--config={INSIDE}/kube-proxy.yaml"],
            "after": [str(KUBECONFIG)],
        },
        {
            "name": "coredns",
            "command": [str(tools["coredns"]), "-conf", f"{INSIDE}/Corefile"],
            "after": [str(KUBECONFIG)],
        },
        {
            # It ends, and is started again, as long as the node's object is not there.
            "name": "kube-router",
            "command": [
                str(tools["kube-router"]),
                f"--kubeconfig={KUBECONFIG}",
                f"--hostname-override={NODE}",
                f"--service-cluster-ip-range={ranges.services}",
                "--enable-ipv6=false",
            ],
            "after": [str(KUBECONFIG)],
        },
    ]


def _snapshotter(folder: Path) -> str:
    """The kernel takes no overlay for the upper layer of another one, which a container's own files are on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    at = folder.resolve()
    _, kind = max(
        ((Path(point), kind) for point, kind in mounts if at.is_relative_to(point)), key=lambda one: len(one[0].parts)
    )
    return "native" if kind == "overlay" else "overlayfs"


def _containerd(plugins: Path, snapshotter: str) -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{INSIDE}/containerd"
state = "{CONTAINERD_SOCKET.parent}"
oom_score = 0
[grpc]
address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
path = "{INSIDE}/opt"
[{cri}]
sandbox_image = "{SANDBOX_IMAGE}"
# Root without CAP_SYS_RESOURCE, as in a virtual machine's sandbox, may not lower a process' score.
restrict_oom_score_adj = true
[{cri}.containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
# crun loses controllers where both versions of cgroups are mounted.
BinaryName = "runc"
SystemdCgroup = false
[{cri}.cni]
bin_dir = "{plugins}"
conf_dir = "{INSIDE}/cni"
"""


def _cni(ranges: Ranges) -> dict[str, Any]:
    """Each pod has a link of its own to the node and no bridge joins them, so that all they send passes the node's
    rules for Services, and a pod that calls itself by its Service needs nothing special."""
    ipam = {
        "type": "host-local",
        "dataDir": f"{INSIDE}/addresses",
        "ranges": [[{"subnet": ranges.pods, "rangeStart": ranges.first_pod, "gateway": ranges.node}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _kubelet(identifier: str, ranges: Ranges) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{INSIDE}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [ranges.dns],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{INSIDE}/resolv.conf",
        "podLogsDir": f"{INSIDE}/pod-logs",
        "volumePluginDir": f"{INSIDE}/volume-plugins",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.group(identifier),
        # Without it, the groups of pods lie in the runtime's own, where nobody finds them after a kill.
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "oomScoreAdj": 0,
        "evictionHard": NO_EVICTION,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        # Its first report is what makes the node ready.
        "nodeStatusUpdateFrequency": "2s",
    }


def _kube_proxy(ranges: Ranges) -> dict[str, Any]:
    # What conntrack may hold is a setting of the machine, not of the namespace: nothing here changes it.
    untouched = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": ranges.pods,
        "hostnameOverride": NODE,
        "clientConnection": {"kubeconfig": str(KUBECONFIG)},
        "conntrack": untouched,
        "oomScoreAdj": 0,
    }


def _corefile(ranges: Ranges) -> str:
    """Names outside of the cluster do not exist here: nothing leaves the namespace. They have a block of their own,
    since CoreDNS asks `template` before `kubernetes`, whatever their order here is."""
    zones = "cluster.local in-addr.arpa ip6.arpa"
    return f"""{zones} {{
    bind {ranges.node}
    errors
    cache 5
    kubernetes {zones} {{
        kubeconfig {KUBECONFIG}
    }}
}}
. {{
    bind {ranges.node}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
