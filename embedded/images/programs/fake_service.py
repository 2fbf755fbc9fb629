#!/usr/bin/python3
"""A service that calls other services and says what they said: stands in for the sample applications' image.

Settings are environment variables: LISTEN_ADDR, NAME, MESSAGE, and UPSTREAM_URIS, a list of HTTP addresses with commas.
"""

import json
import os
import signal
import socket
import sys
import time
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

UPSTREAM_SECONDS = 30
# Headers that join the spans of one request, and that a route may ask for.
PASSED_ON = ("x-request-id", "traceparent", "tracestate", "b3", "x-b3-", "x-ot-", "end-user", "user-agent")


class Service(BaseHTTPRequestHandler):
    """Answers /health with its own state, and every other path with its message and its upstreams' answers."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fake-service", ""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._reply(200, b"OK", "text/plain")
            return
        started = time.time()
        upstreams = [uri.strip() for uri in os.environ.get("UPSTREAM_URIS", "").split(",") if uri.strip()]
        calls = [self._call(uri) for uri in upstreams]
        code = 500 if any(call["code"] != 200 for call in calls) else 200
        answer = {
            "name": os.environ.get("NAME", "Service"),
            "uri": self.path,
            "type": "HTTP",
            "ip_addresses": [self.connection.getsockname()[0].removeprefix("::ffff:")],
            "start_time": _time(started),
            "end_time": _time(time.time()),
            "duration": f"{(time.time() - started) * 1000:.3f}ms",
            "body": os.environ.get("MESSAGE", "Hello World"),
            **({"upstream_calls": calls} if calls else {}),
            "code": code,
        }
        self._reply(code, json.dumps(answer, indent=2).encode() + b"\n", "application/json")

    def _call(self, uri: str) -> dict[str, object]:
        headers = {name: value for name, value in self.headers.items() if name.lower().startswith(PASSED_ON)}
        try:
            with urlopen(Request(uri, headers=headers), timeout=UPSTREAM_SECONDS) as response:
                return _answer(uri, response.status, response.read())
        except HTTPError as error:
            return _answer(uri, error.code, error.read())
        except (OSError, HTTPException) as error:
            return {"uri": uri, "type": "HTTP", "code": -1, "error": str(error)}

    def _reply(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Listens on IPv4, and on IPv6 too where the pod has it."""

    daemon_threads = True


def _answer(uri: str, code: int, body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        said = {"body": body.decode(errors="replace")}
    return {**said, "uri": uri, "code": code}


def _end(_signal: int, _frame: object) -> None:
    sys.exit(0)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def main() -> None:
    # The kernel keeps from a container's first process the signals that it does not handle.
    signal.signal(signal.SIGTERM, _end)
    host, _, port = os.environ.get("LISTEN_ADDR", "0.0.0.0:9090").rpartition(":")
    if not host and socket.has_dualstack_ipv6() and Path("/proc/net/if_inet6").exists():
        Server.address_family, host = socket.AF_INET6, "::"
    Server((host.strip("[]"), int(port)), Service).serve_forever()


if __name__ == "__main__":
    main()
