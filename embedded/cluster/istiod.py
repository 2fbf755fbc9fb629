"""One real istiod beside the API server, for one revision."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from base import process

from .layout import LOOPBACK, free_ports

PROGRAM = "pilot-discovery"
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
# What our istiod, of a recent version, reads as v1. It never gets ready where a kind is there in older versions only.
READ_AS_V1: Mapping[str, tuple[str, ...]] = {
    "networking.istio.io": (
        "destinationrules",
        "gateways",
        "serviceentries",
        "sidecars",
        "virtualservices",
        "workloadentries",
        "workloadgroups",
    ),
    "security.istio.io": ("authorizationpolicies", "peerauthentications", "requestauthentications"),
    "telemetry.istio.io": ("telemetries",),
}
# What the injection templates of old releases use and our istiod no longer has, with what it was by default: the number
# of the proxy's threads, which releases before 1.20 took from its CPU limit.
GONE_FROM_TEMPLATES: Mapping[str, str] = {".EstimatedConcurrency": "2"}
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
    def start(cls, program: Path, revision: str, kubeconfig: Path, folder: Path, unread: Iterable[str]) -> Istiod:
        """Starts pilot-discovery, with its log in `folder`; `unread` are the names of the CRDs that it is to leave
        alone. Raises process.ProcessError."""
        # The mesh's configuration it reads from its revision's ConfigMap, since it finds no file of it in its folder.
        ports = dict(zip(PORT_OPTIONS, free_ports(len(PORT_OPTIONS)), strict=True))
        listen = [f"--{option}={LOOPBACK}:{ports[port]}" for port, option in PORT_OPTIONS.items()]
        stack = ExitStack()
        child = stack.enter_context(
            process.background(
                [program, "discovery", f"--kubeconfig={kubeconfig}", "--ctrlz_port=0", *listen],
                log=folder / f"istiod-{revision}.log",
                cwd=istiod_folder(folder, revision),
                env={
                    "REVISION": revision,
                    "POD_NAME": f"istiod-{revision}-beside-the-cluster",
                    "POD_NAMESPACE": NAMESPACE,
                    "CLUSTER_ID": "Kubernetes",
                    "PILOT_CERT_PROVIDER": "istiod",
                    "INJECTION_WEBHOOK_CONFIG_NAME": injector_name(revision),
                    "PILOT_IGNORE_RESOURCES": ",".join(unread),
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


def write_template(folder: Path, revision: str, config_map: Mapping[str, str]) -> None:
    """Puts a revision's ConfigMap for injection to where its istiod looks for it, now and whenever it changes."""
    config = config_map["config"]
    for field, instead in GONE_FROM_TEMPLATES.items():
        config = config.replace(field, instead)
    target = istiod_folder(folder, revision) / "var/lib/istio/inject"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in {"values": config_map["values"], "config": config}.items():
        unfinished = target / f".{name}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target / name)


def istiod_folder(folder: Path, revision: str) -> Path:
    """The working folder of a revision's istiod, in the cluster's."""
    return folder / f"istiod-{revision}"


def injector_name(revision: str) -> str:
    """The name of a revision's ConfigMap for injection, and of its webhook configuration."""
    return INJECTOR if revision == DEFAULT_REVISION else f"{INJECTOR}-{revision}"


def revision_of(config_map: str) -> str | None:
    """The revision whose ConfigMap for injection has this name; None where it is another ConfigMap."""
    if config_map == INJECTOR:
        return DEFAULT_REVISION
    return config_map.removeprefix(f"{INJECTOR}-") if config_map.startswith(f"{INJECTOR}-") else None
