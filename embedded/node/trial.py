"""Tries on a machine what a real node does there: mounts, links, rules, and one container with limits.

All of it is in namespaces of its own, and gone with them.
"""

from __future__ import annotations

import json
import os
import shutil

from base import process

from . import cgroups

LIMIT = 20.0
NAMESPACES = ("--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc")
MATCHES = (
    "comment --comment x",
    "conntrack --ctstate NEW",
    "mark --mark 1",
    "statistic --mode random --probability 0.5",
)
"""Of the rules of kube-proxy and of the CNI plugins."""
BUNDLE = "/run/bundle"


def run() -> None:
    """Raises process.ProcessError, with what the first thing said that this machine refuses."""
    identifier = f"trial-{os.getpid()}"
    config = json.dumps(_container(identifier))
    try:
        process.run(["unshare", *NAMESPACES, "--", "sh", "-ec", _script()], timeout=LIMIT, stdin=config)
    finally:
        cgroups.remove(identifier)


def _script() -> str:
    rules = [f"iptables -t nat -A POSTROUTING -m {match} -j MASQUERADE" for match in MATCHES]
    return "\n".join(
        (
            "mount -t tmpfs -o mode=755 tmpfs /run",
            f"mkdir -p /run/upper /run/work {BUNDLE}/rootfs",
            "mount -t overlay -o lowerdir=/var,upperdir=/run/upper,workdir=/run/work overlay /var",
            "ip link set lo up",
            "ip link add here type veth peer name there",
            "iptables -t nat -A OUTPUT -p tcp --dport 80 -j DNAT --to-destination 127.0.0.1:8080",
            *rules,
            # Network policies are sets of addresses, and rules that match them.
            "ipset create trial hash:ip",
            "iptables -A FORWARD -m set --match-set trial src -j REJECT",
            "iptables -A FORWARD -m limit --limit 10/minute -j NFLOG --nflog-group 100",
            f"mount --rbind --make-rslave / {BUNDLE}/rootfs",
            f"cat > {BUNDLE}/config.json",
            f"runc --root /run/runc run --bundle {BUNDLE} trial",
        )
    )


def _container(identifier: str) -> dict[str, object]:
    """A container of the machine's own files that does nothing, in the form that runc reads."""
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": True},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "process": {"user": {"uid": 0, "gid": 0}, "args": [shutil.which("true") or "true"], "cwd": "/", "env": []},
        "linux": {
            "cgroupsPath": cgroups.group(identifier),
            "resources": {"memory": {"limit": 1 << 26}, "pids": {"limit": 100}},
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
        },
    }
