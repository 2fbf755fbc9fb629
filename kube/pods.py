"""Commands in containers and forwarded ports, over the official client's websockets."""

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

from .api_objects import AccessError, Executed, entries, mapping
from .connection import Connection, one_line
from .sign_in import client

# The client ships no usable types.
stream, ws_client = cast(Any, _stream), cast(Any, _ws_client)

_AS: ContextVar[tuple[str, ...]] = ContextVar("_AS", default=())
"""Headers of impersonation. The client's websockets send only their own."""


class _WebSocket(websocket.WebSocket):
    """A websocket that also sends the headers of `_AS`."""

    def connect(self, url: str, **options: Any) -> None:
        cast(Any, super()).connect(url, **{**options, "header": [*options.get("header", ()), *_AS.get()]})


ws_client.WebSocket = _WebSocket

STATUS_CHANNEL = 3
BUSY = "the command was not done after"
UNKNOWN_TO_KUBELET = "pod does not exist"
_PARTS = " -+-+- "
"""Between status, headers and body in the client's text of a websocket that was refused."""
_NO_BODY = ("", "None")


class Pods(Connection):
    """What a client does with the pods of a cluster."""

    def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float) -> Executed:
        """Run a command in a container and wait for its end, for `seconds` at most."""
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
        """A connection to a port of a pod, which its node forwards; each read or write may take `seconds`."""
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
        """Websockets opened inside use the impersonation of the kubeconfig."""
        before = _AS.set(tuple(f"{name}: {value}" for name, value in self._impersonation))
        try:
            yield
        finally:
            _AS.reset(before)

    def _core(self) -> Any:
        # A new client each time: the stream module replaces one of its methods during the call.
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
        """A port that nobody listens on is closed; the reason comes on another channel."""
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
    """The exit code in the Status that ends an exec. Raises AccessError if the command did not start."""
    document = cast(dict[str, Any], json.loads(status or "{}"))
    if document.get("status") == "Success":
        return 0
    for cause in entries(mapping(document.get("details")).get("causes")):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise AccessError(f"{what}: {document.get('message') or 'ended without a status'}")


def _reason(error: Any) -> str:
    """Why a websocket did not open: what the API server or the kubelet wrote, else the HTTP status."""
    status, *more = str(error.reason or error).split(_PARTS)
    body = more[-1] if more else ""
    if body.strip() == UNKNOWN_TO_KUBELET:
        return f"{UNKNOWN_TO_KUBELET}, as the node's kubelet says: one that has just started needs seconds; try again"
    try:
        return one_line(mapping(json.loads(body))["message"])
    except (ValueError, KeyError):
        return status if body in _NO_BODY else one_line(f"{status}: {body}")
