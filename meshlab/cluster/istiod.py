"""One real istiod beside the API server, for one revision."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from meshlab import process
from meshlab.cluster.layout import LOOPBACK, free_ports

NAMESPACE = "istio-system"
DEFAULT_REVISION = "default"
INJECTOR = "istio-sidecar-injector"
# What istiod's pods listen on, and the option that puts it elsewhere.
WEBHOOK_PORT = 15017
PORT_OPTIONS: Mapping[int, str] = {
    WEBHOOK_PORT: "httpsAddr",
    15010: "grpcAddr",
    15012: "secureGRPCAddr",
    15014: "monitoringAddr",
    8080: "httpAddr",
}
# Nobody is connected who would have to be moved elsewhere first.
GRACE = 1.0


@dataclass(frozen=True)
class Istiod:
    """A running istiod; `ports` are its ports on loopback by the ones that its pods have."""

    revision: str
    ports: Mapping[int, int]
    _child: subprocess.Popen[bytes]
    _stack: ExitStack

    @classmethod
    def start(cls, program: Path, revision: str, kubeconfig: Path, folder: Path) -> Istiod:
        """Starts pilot-discovery, with its log in `folder`. Raises process.ProcessError."""
        # It reads its configuration from the ConfigMaps of its revision, and goes with their changes, where it finds
        # no files of it in its folder.
        cwd = folder / f"istiod-{revision}"
        cwd.mkdir(exist_ok=True)
        ports = dict(zip(PORT_OPTIONS, free_ports(len(PORT_OPTIONS)), strict=True))
        listen = [f"--{option}={LOOPBACK}:{ports[port]}" for port, option in PORT_OPTIONS.items()]
        stack = ExitStack()
        child = stack.enter_context(
            process.background(
                [program, "discovery", f"--kubeconfig={kubeconfig}", "--ctrlz_port=0", *listen],
                log=folder / f"istiod-{revision}.log",
                cwd=cwd,
                env={
                    "REVISION": revision,
                    "POD_NAME": f"istiod-{revision}-beside-the-cluster",
                    "POD_NAMESPACE": NAMESPACE,
                    "CLUSTER_ID": "Kubernetes",
                    "PILOT_CERT_PROVIDER": "istiod",
                    "INJECTION_WEBHOOK_CONFIG_NAME": injector_name(revision),
                },
                grace=GRACE,
            )
        )
        return cls(revision, ports, child, stack)

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._child.poll() is not None

    def listens(self) -> bool:
        """Whether its webhooks can be called: it listens when it has read what there is."""
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.ports[WEBHOOK_PORT])) == 0

    def stop(self) -> None:
        self._stack.close()


def injector_name(revision: str) -> str:
    """The name of a revision's ConfigMap for injection, and of its webhook configuration."""
    return INJECTOR if revision == DEFAULT_REVISION else f"{INJECTOR}-{revision}"


def revision_of(config_map: str) -> str | None:
    """The revision whose ConfigMap for injection has this name; None where it is another ConfigMap."""
    if config_map == INJECTOR:
        return DEFAULT_REVISION
    return config_map.removeprefix(f"{INJECTOR}-") if config_map.startswith(f"{INJECTOR}-") else None
