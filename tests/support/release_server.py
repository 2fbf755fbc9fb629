"""A server on loopback that gives out files in every way that a download can go wrong. It is also an HTTP proxy."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast


@dataclass
class Served:
    """One file, and how it is given out."""

    content: bytes = b""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the answers break off, one after the other; those after them are whole."""
    stalls: list[int] = field(default_factory=list)
    """The same, but the connection stays open and silent."""
    ranges: bool = True
    wrong_range: bool = False
    """Whether an answer to a range is of other bytes than were asked for."""
    statuses: list[int] = field(default_factory=list)
    """Of the first answers, in place of 200."""
    redirect: str = ""
    silent: bool = False
    piece: int = 1 << 16
    pause: float = 0.0
    """Seconds after each piece."""


@dataclass
class ReleaseServer:
    """The running server. `asked` has each request's target as it came and its range."""

    base: str
    files: dict[str, Served] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    together: threading.Barrier | None = None
    """Where it is there, no request is answered before all are."""


@contextmanager
def serving() -> Generator[ReleaseServer]:
    """Runs a server beside the block."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = ReleaseServer(f"http://127.0.0.1:{http.server_port}")
    http.told = server  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        told = cast(ReleaseServer, self.server.told)  # type: ignore[attr-defined]
        span = self.headers.get("Range", "")
        told.asked.append((self.path, span))
        told.headers.append(dict(self.headers))
        self.close_connection = True
        if told.together:
            told.together.wait(60)
        one = told.files.get("/" + self.path.split("/", 3)[3] if self.path.startswith("http") else self.path)
        if one is None:
            self._head(404, {"Content-Length": "0"})
        elif one.silent:
            told.released.wait()
        elif one.redirect:
            self._head(302, {"Location": one.redirect, "Content-Length": "0"})
        elif one.statuses:
            self._head(one.statuses.pop(0), {"Content-Length": "0"})
        else:
            self._give(told, one, span)

    def _give(self, told: ReleaseServer, one: Served, span: str) -> None:
        first = int(span.removeprefix("bytes=").rstrip("-")) if span and one.ranges else 0
        if first and first >= len(one.content):
            self._head(416, {"Content-Length": "0"})
            return
        body = one.content[first:]
        headers = {"Content-Length": str(len(body))}
        if first:
            shown = 0 if one.wrong_range else first
            headers["Content-Range"] = f"bytes {shown}-{len(one.content) - 1}/{len(one.content)}"
        self._head(206 if first else 200, headers)
        cut = one.cuts.pop(0) if one.cuts else None
        stall = one.stalls.pop(0) if one.stalls else None
        body = body[: cut if cut is not None else stall]
        for start in range(0, len(body), one.piece):
            self.wfile.write(body[start : start + one.piece])
            self.wfile.flush()
            if told.released.wait(one.pause):
                return
        if stall is not None:
            told.released.wait()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
