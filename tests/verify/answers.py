"""Services that answer as a test says, on loopback."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """One answer; `body` other than a string goes out as JSON."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Any
"""What a path answers: a Reply, a body for one, or a function of what was asked."""
Routes = dict[str, Route]


def answer(routes: Routes, asked: Asked) -> Reply:
    """What a path answers; a path that ends with `*` stands for all that begin so; 404 where there is none."""
    begins = [path for path in routes if path.endswith("*") and asked.path.startswith(path[:-1])]
    route = routes.get(asked.path, routes[begins[0]] if begins else Reply("not found", 404))
    if isinstance(route, Callable):
        route = route(asked)
    return route if isinstance(route, Reply) else Reply(route)


@contextmanager
def serving(routes: Routes) -> Iterator[int]:
    """A server of these routes, which may be changed while it runs; gives its port on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply("GET", {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._reply("POST", _flat(text))

        def _reply(self, method: str, form: Mapping[str, str]) -> None:
            url = urlsplit(self.path)
            reply = answer(routes, Asked(method, url.path, _flat(url.query), dict(self.headers), form))
            body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(body.encode())))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _flat(text: str) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}
