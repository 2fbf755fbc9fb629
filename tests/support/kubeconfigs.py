"""Kubeconfigs of many shapes for one cluster, and as whom each program uses it."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import yaml

import kube.cluster
from embedded.cluster import EmbeddedCluster

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
HELPER = """#!/bin/sh
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}'
"""


@dataclass(frozen=True)
class Parts:
    """What a kubeconfig of a cluster may be made of."""

    cluster: dict[str, Any]
    admin: dict[str, Any]
    tokens: dict[str, str]
    """Tokens by the name of the account in namespace default that each is of."""


def parts_of(cluster: EmbeddedCluster, *accounts: str) -> Parts:
    """A cluster's server and authority, its administrator, and accounts that are made for it. None may do anything."""
    whole = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    tokens: dict[str, str] = {}
    for name in accounts:
        cluster.kubectl("create", "serviceaccount", name, "-n", "default")
        tokens[name] = cluster.kubectl("create", "token", name, "-n", "default").stdout.strip()
    return Parts(whole["clusters"][0]["cluster"], whole["users"][0]["user"], tokens)


def write(file: Path, **sections: Any) -> Path:
    """Write a kubeconfig: `contexts`, `clusters` and `users` by name, `current` for the current context."""
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    if current := sections.pop("current", None):
        document["current-context"] = current
    for section, entries in sections.items():
        inner = section.removesuffix("s")
        document[section] = [{"name": name, inner: fields} for name, fields in entries.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def simple(file: Path, name: str, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    """Write a kubeconfig with one context."""
    return write(
        file, contexts={name: {"cluster": "c", "user": "u"}}, clusters={"c": cluster}, users={"u": user}, current=name
    )


def pem(fields: dict[str, Any], kind: str, file: Path) -> str:
    """Write down what is in a kubeconfig as data; gives the file's name alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64decode(fields[f"{kind}-data"]))
    return file.name


def helper(file: Path, token: str) -> None:
    """Write a program that signs in with a token."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HELPER % token, encoding="utf-8")
    file.chmod(0o755)


def who_is_python(cluster: kube.cluster.Cluster) -> dict[str, Any]:
    """As whom the API server sees our own client."""
    said = cluster._request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=REVIEW)
    return identity(json.loads(said))


def identity(review: dict[str, Any]) -> dict[str, Any]:
    """The user of a SelfSubjectReview: name, groups, and what was asked to be said beside."""
    user = review["status"]["userInfo"]
    extra = {key: value for key, value in (user.get("extra") or {}).items() if "kubernetes.io" not in key}
    return {"name": user["username"], "groups": sorted(user.get("groups") or []), "extra": extra}


@contextmanager
def http_proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy on loopback for HTTPS: its address, and whom it was asked for."""
    asked: list[str] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            method, place, _ = self.rfile.readline().decode().split(" ", 2)
            asked.append(place)
            while self.rfile.readline().strip():
                pass
            if method != "CONNECT":
                self.wfile.write(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = place.rpartition(":")
            with create_connection((host, int(port))) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(there, self.connection))
                back.start()
                _pass_on(self.connection, there)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def _pass_on(source: socket, sink: socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(2)
