"""What the API server is told where its way into the cluster leads nowhere."""

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from embedded.cluster import egress


@contextmanager
def proxy(find: egress.Find) -> Iterator[str]:
    identifier = f"test-{os.getpid()}-{threading.get_ident()}"
    with egress.Proxy(identifier, find) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield identifier
        finally:
            serving.shutdown()
            thread.join()


def answered(find: egress.Find) -> str:
    """The first line for a connection to a kubelet."""
    with proxy(find) as identifier, socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"\0meshlab-{identifier}")
        caller.sendall(b"CONNECT 10.245.0.7:10250 HTTP/1.1\r\n\r\n")
        return caller.makefile("rb").readline().decode().strip()


def closed(host: str, port: int) -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


def simulated(host: str, port: int) -> tuple[str, int]:
    raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))


def refused(host: str, port: int) -> tuple[str, int]:
    raise egress.NoWayInError("istiod is still being built")


@pytest.mark.parametrize(
    ("find", "told"),
    [
        (closed, "nothing listens there, or not yet: Connection refused"),
        (simulated, "no container runs at this address: its node is simulated, or its pod is gone"),
        (refused, "istiod is still being built"),
    ],
)
def test_a_connection_that_is_not_made_has_its_reason(find: Callable[[str, int], tuple[str, int]], told: str) -> None:
    assert answered(find) == f"HTTP/1.1 503 {told}"
