"""The one way from this machine into the node's network: a port of loopback that leads to the API server.

`python -m embedded.node.relay <port> <a process in that network> <log>` returns as soon as the port is open, and leaves
a process behind. Its listener is the machine's, and all its connections are made in the node's network.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from base.process import detach

LOOPBACK = "127.0.0.1"
NEW_NETWORK = 0x40000000
CHUNK = 1 << 16


def enter_network(pid: int) -> None:
    """Move this thread into the network of a process. A socket stays in the one that it was made in. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


async def _serve(listener: socket.socket, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            their_reader, their_writer = await asyncio.open_connection(LOOPBACK, port)
            await asyncio.gather(_copy(reader, their_writer), _copy(their_reader, writer))
            their_writer.close()
        writer.close()

    server = await asyncio.start_server(connected, sock=listener)
    async with server:
        await server.serve_forever()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until the source ends, and end the sink then, so that the other direction ends as well."""
    with suppress(OSError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    with suppress(OSError):
        sink.write_eof()


def main(port: int, pid: int, log: Path) -> None:
    """Open the port and serve it in a process of its own. Raises OSError where the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(128)
    enter_network(pid)
    if os.fork():
        return
    detach(log)
    asyncio.run(_serve(listener, port))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
