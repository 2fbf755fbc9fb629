"""An API server's exec and port-forward on loopback, by the protocol that kubernetes.io documents for them: WebSocket
messages that begin with the number of their channel (v4.channel.k8s.io), for exec 1 for output, 2 for errors and 3 for
the Status at the end; for each forwarded port an even channel for data and an odd one for errors, both of which begin
with the port's number in two bytes, the lower one first."""

import base64
import json
import ssl
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from components.webhook_certificate import Certificate, self_signed

OUT, ERRORS, STATUS = 1, 2, 3
PROTOCOL = "v4.channel.k8s.io"
TOKEN = "token-of-the-kubeconfig"
HOST = "api.test"
"""The name in the server's certificate, which is not its address."""
Session = Callable[[ServerConnection, Mapping[str, list[str]]], None]
Plain = Callable[[Request], tuple[int, Any]]


@contextmanager
def api_server(
    session: Session,
    plain: Plain = lambda request: (404, status_of(404, "not here")),
    refusal: Response | None = None,
) -> Iterator[str]:
    """A server with TLS for WebSocket sessions and plain GETs; gives its URL. Who has not the token gets 401.

    With `refusal`, no session opens: that is the answer instead.
    """

    def first(connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return answer(401, status_of(401, "Unauthorized"))
        if "Upgrade" in request.headers:
            return refusal
        return answer(*plain(request))

    def handle(connection: ServerConnection) -> None:
        assert connection.request
        asked: dict[str, list[str]] = {}
        for key, value in parse_qsl(urlsplit(connection.request.path).query):
            asked.setdefault(key, []).append(value)
        with suppress(ConnectionClosed):
            session(connection, asked)

    server: Server = serve(
        handle,
        "127.0.0.1",
        0,
        process_request=first,
        subprotocols=[Subprotocol(PROTOCOL)],
        close_timeout=0.2,
        ssl=_tls(),
    )
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


def status_of(code: int, message: str) -> dict[str, Any]:
    """A Status, as the API server explains itself."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def kubeconfig(folder: Path, server: str, *contexts: str, **user: Any) -> Path:
    """A kubeconfig file with these contexts, the first of them current; `user` goes beside the token."""
    authority = base64.b64encode(_certificate().certificate.encode()).decode()
    tls = {"certificate-authority-data": authority, "tls-server-name": HOST} if server.startswith("https") else {}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": contexts[0],
        "clusters": [{"name": "c", "cluster": {"server": server, **tls}}],
        "users": [{"name": "u", "user": {"token": TOKEN, **user}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@cache
def _certificate() -> Certificate:
    return self_signed("a secret of a test, of 256 bits or more", [HOST])


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(_certificate().certificate + _certificate().key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def ended(code: int) -> bytes:
    """The Status of a command that ended."""
    if code == 0:
        return json.dumps({"status": "Success"}).encode()
    cause = {"reason": "ExitCode", "message": str(code)}
    failure = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}
    return json.dumps(
        {**failure, "message": f"command terminated with non-zero exit code: exit status {code}"}
    ).encode()


def port_opened(port: int) -> tuple[bytes, bytes]:
    """The first message on both channels of a forwarded port."""
    number = struct.pack("<H", port)
    return b"\x00" + number, b"\x01" + number


def answer(code: int, body: Any) -> Response:
    """An answer as the API server writes it; a text stays one, as the kubelet writes it."""
    text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/plain" if isinstance(body, str) else "application/json"
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(text))})
    return Response(code, HTTPStatus(code).phrase, headers, text)
