"""The API server's way into the cluster, where it goes through us.

No pod runs, so nobody answers at the address of a Service. As `configure` tells it, the API server hands each
connection to a webhook, and each one of its own proxy to Services and pods, to the CONNECT proxy here, which leads it
to a process of this machine or refuses it at once. Names, certificates and objects are as they would be anywhere else.
"""

from __future__ import annotations

import errno
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from base.errors import MeshlabError
from base.goyaml.text import to_yaml

FILE = "egress.yaml"
CONNECT_LIMIT = 5.0

Find = Callable[[str, int], tuple[str, int]]
"""The address and port that stand for those of the cluster; raises NoWayInError where none do."""


class NoWayInError(MeshlabError):
    """The connection is not made. The text is the reason; the API server shows it to whoever made the request."""


def configure(folder: Path, identifier: str) -> Path:
    """Writes the file that the API server's option --egress-selector-config-file names."""
    transport = {"uds": {"udsName": f"@{_socket_name(identifier)}"}}
    selection = {"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": transport}}
    path = folder / FILE
    path.write_text(
        to_yaml(
            {
                "apiVersion": "apiserver.k8s.io/v1beta1",
                "kind": "EgressSelectorConfiguration",
                "egressSelections": [selection],
            }
        ),
        encoding="utf-8",
    )
    return path


def served(identifier: str) -> bool:
    """Whether the proxy of this cluster runs."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(f"\0{_socket_name(identifier)}") == 0


class Proxy(socketserver.ThreadingUnixStreamServer):
    """Listens as soon as it is made, and serves in `serve_forever`. Raises OSError where the cluster has one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, identifier: str, find: Find) -> None:
        super().__init__(f"\0{_socket_name(identifier)}", _Connection)
        self.find = find


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        if len(request) != 3 or request[0] != b"CONNECT":
            return
        assert isinstance(self.server, Proxy)
        host, _, port = request[1].decode("ascii").rpartition(":")
        try:
            there = socket.create_connection(self.server.find(host.strip("[]"), int(port)), CONNECT_LIMIT)
        except (NoWayInError, OSError) as error:
            reason = error if isinstance(error, NoWayInError) else _why(error)
            self.wfile.write(f"HTTP/1.1 503 {reason}\r\n\r\n".encode())
            return
        with there:
            there.settimeout(None)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pass_on, args=(there, self.connection), daemon=True)
            back.start()
            pass_on(self.connection, there)
            back.join()


def _why(error: OSError) -> str:
    if error.errno == errno.EHOSTUNREACH:
        return "no container runs at this address: its node is simulated, or its pod is gone"
    return f"nothing listens there, or not yet: {error.strerror}"


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Copies until the source ends, and ends the sink then, so that the other direction ends as well."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _socket_name(identifier: str) -> str:
    # In Linux's abstract namespace: a name needs no file that could stay behind, and no short path.
    return f"meshlab-{identifier}"
