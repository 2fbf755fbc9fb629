"""A name server on loopback that knows one address or none: what Kubernetes' own says of a Service, or without it."""

import ipaddress
import socket
import socketserver
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Thread

ANSWER, NO_SUCH_NAME = 0x8180, 0x8183
"""Flags of a reply: all is well, and NXDOMAIN."""
HEADER = 12
"""Bytes before the question."""
TTL_SECONDS = 1
RECORD_TYPES = {4: 1, 6: 28}
"""A and AAAA, by the version of IP."""


class NameServer(socketserver.ThreadingUDPServer):
    """Answers with `address` who asks for its family, and others with nothing; while it is None, no name exists."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Question)
        self.address: str | None = None
        self.asked = 0

    @property
    def port(self) -> int:
        return self.server_address[1]

    def reply_to(self, request: bytes) -> bytes:
        """The reply to a request with one question."""
        self.asked += 1
        question = request[HEADER : request.index(0, HEADER) + 5]
        records = [] if self.address is None else list(_records(self.address, int.from_bytes(question[-4:-2])))
        flags = NO_SUCH_NAME if self.address is None else ANSWER
        counts = (flags, 1, len(records), 0, 0)
        head = request[:2] + b"".join(count.to_bytes(2) for count in counts)
        return head + question + b"".join(records)


@contextmanager
def name_server(host: str = "127.0.0.1") -> Generator[NameServer]:
    """A name server that answers within the block."""
    with NameServer(host) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Question(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        request, back = self.request
        assert isinstance(self.server, NameServer)
        back.sendto(self.server.reply_to(request), self.client_address)


def _records(address: str, wanted: int) -> Iterator[bytes]:
    """The address record for the name of the question, which stands right behind the header, if that asks for it."""
    parsed = ipaddress.ip_address(address)
    name, kind, internet = 0xC000 + HEADER, RECORD_TYPES[parsed.version], 1
    if kind == wanted:
        numbers = ((name, 2), (kind, 2), (internet, 2), (TTL_SECONDS, 4), (len(parsed.packed), 2))
        yield b"".join(number.to_bytes(size) for number, size in numbers) + parsed.packed
