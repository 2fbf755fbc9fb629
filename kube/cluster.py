"""A cluster by the official client: objects, exec, port-forward, and the API server's proxy to Services."""

import http.client
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, cast

import kubernetes.stream as _stream
import kubernetes.stream.ws_client as _ws_client
import websocket
from kubernetes.client.exceptions import ApiException

from .access import AccessError, Executed, entries, mapping
from .cluster_api import ClusterApi, one_line
from .sign_in import client

# The client ships no usable types.
stream, ws_client = cast(Any, _stream), cast(Any, _ws_client)

_AS: ContextVar[tuple[str, ...]] = ContextVar("_AS", default=())
"""Headers by which a websocket acts as another one. The client's websockets send none but their own."""


class _WebSocket(websocket.WebSocket):
    """A websocket that sends the headers of `_AS` too."""

    def connect(self, url: str, **options: Any) -> None:
        cast(Any, super()).connect(url, **{**options, "header": [*options.get("header", ()), *_AS.get()]})


ws_client.WebSocket = _WebSocket

STATUS_CHANNEL = 3
BUSY = "the command was not done after"


class KubeCluster(ClusterApi):
    """The cluster of a context of a kubeconfig, with what a check asks of it beyond objects."""

    def version(self) -> str:
        """The API server's version, such as v1.34.4."""
        return str(json.loads(self._request("GET", "/version"))["gitVersion"])

    def proxied(self, namespace: str, service: str, port: int, path: str) -> str:
        return self._request("GET", f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{path}")

    def token(self, namespace: str, account: str, seconds: int) -> str:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return str(json.loads(self._request("POST", path, body=body))["status"]["token"])

    def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float) -> Executed:
        what = f"exec in {namespace}/{pod}"
        try:
            with self._as_itself():
                session = stream.stream(
                    self._core().connect_get_namespaced_pod_exec,
                    pod,
                    namespace,
                    container=container,
                    command=list(command),
                    stdin=False,
                    stdout=True,
                    stderr=True,
                    tty=False,
                    _preload_content=False,
                )
        except ApiException as error:
            raise AccessError(f"{what}: {_reason(error)}") from None
        try:
            session.run_forever(timeout=seconds)
            if session.is_open():
                raise AccessError(f"{what}: {BUSY} {seconds:g} s")
            out, err = str(session.read_stdout()), str(session.read_stderr())
            return Executed(_exit_code(what, str(session.read_channel(STATUS_CHANNEL))), out, err)
        finally:
            with suppress(Exception):
                session.close()

    def tunnel(self, namespace: str, pod: str, port: int, seconds: float) -> http.client.HTTPConnection:
        try:
            with self._as_itself():
                forward = stream.portforward(
                    self._core().connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port)
                )
        except ApiException as error:
            raise AccessError(f"port-forward to {namespace}/{pod}:{port}: {_reason(error)}") from None
        return _Tunnel(forward, port, seconds)

    @contextmanager
    def _as_itself(self) -> Generator[None]:
        """Has websockets that are opened meanwhile act as the one whom the kubeconfig says."""
        before = _AS.set(tuple(f"{name}: {value}" for name, value in self._impersonation))
        try:
            yield
        finally:
            _AS.reset(before)

    def _core(self) -> Any:
        # A client of its own each time: the stream module swaps a method of it for the length of the call.
        return client.CoreV1Api(client.ApiClient(self._configuration))


class _Tunnel(http.client.HTTPConnection):
    """HTTP over a forwarded port."""

    def __init__(self, forward: Any, port: int, seconds: float) -> None:
        super().__init__("localhost", port, timeout=seconds)
        self._forward, self._forwarded = forward, port

    def connect(self) -> None:
        self.sock = self._forward.socket(self._forwarded)
        self.sock.settimeout(self.timeout)

    def send(self, data: Any) -> None:
        with self._explained():
            super().send(data)

    def getresponse(self) -> http.client.HTTPResponse:
        with self._explained():
            return super().getresponse()

    @contextmanager
    def _explained(self) -> Generator[None]:
        """A port that nobody listens on is just closed; the reason comes beside it."""
        try:
            yield
        except (http.client.HTTPException, OSError):
            if reason := self._forward.error(self._forwarded):
                raise ConnectionRefusedError(one_line(reason)) from None
            raise

    def close(self) -> None:
        super().close()
        self._forward.close()


def _exit_code(what: str, status: str) -> int:
    """The exit code in the Status that ends an exec; raises AccessError where the command did not even start."""
    document = cast(dict[str, Any], json.loads(status or "{}"))
    if document.get("status") == "Success":
        return 0
    for cause in entries(mapping(document.get("details")).get("causes")):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise AccessError(f"{what}: {document.get('message') or 'ended without a status'}")


def _reason(error: Any) -> str:
    """Why a websocket did not open."""
    return str(error.reason or error).partition(" -+-+- ")[0]
