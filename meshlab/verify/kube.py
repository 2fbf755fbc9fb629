"""A cluster by the official client: objects, exec, port-forward, and the API server's proxy to Services."""

import http.client
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import kubernetes.client as _client
import kubernetes.config as _config
import kubernetes.stream as _stream
from kubernetes.client.exceptions import ApiException
from urllib3.util import Retry

from .access import AccessError, Executed, Manifest, MissingError, RefusedError, Resource, entries, mapping

# The client ships no usable types.
client, config, stream = cast(Any, _client), cast(Any, _config), cast(Any, _stream)

REQUEST_LIMIT = 20.0
# A connection that was kept may have been closed meanwhile, which only shows in its use. Whether a server that is not
# there, or refuses, is worth another try is for a check to say.
ONCE_MORE = Retry(total=1, connect=0, read=1, redirect=0, status=0, other=0, allowed_methods=["GET"])
STATUS_CHANNEL = 3
BUSY = "the command was not done after"


class KubeCluster:
    """The cluster of a context of a kubeconfig."""

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        """`kubeconfig` stands for the user's own files, `context` for the current one. Raises AccessError."""
        self._configuration = client.Configuration()
        self._configuration.retries = ONCE_MORE
        file = str(kubeconfig) if kubeconfig is not None else None
        try:
            if context is not None:
                known = sorted(entry["name"] for entry in config.list_kube_config_contexts(file)[0])
                if context not in known:
                    raise AccessError(f"kubeconfig: expected a context named {context}, got {', '.join(known)}")
            config.load_kube_config(file, context=context, client_configuration=self._configuration)
        except config.ConfigException as error:
            wanted = "a current context" if context is None else f"a context named {context}"
            raise AccessError(f"kubeconfig: expected one with {wanted}, got: {_line(error)}") from None
        self._api = client.ApiClient(self._configuration)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        return cast(Manifest, json.loads(self._request("GET", resource.path(namespace, name))))

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = [("labelSelector", selector)] if selector else []
        return cast(list[Manifest], json.loads(self._request("GET", resource.path(namespace), query))["items"])

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
            forward = stream.portforward(
                self._core().connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port)
            )
        except ApiException as error:
            raise AccessError(f"port-forward to {namespace}/{pod}:{port}: {_reason(error)}") from None
        return _Tunnel(forward, port, seconds)

    def _core(self) -> Any:
        # A client of its own each time: the stream module swaps a method of it for the length of the call.
        return client.CoreV1Api(client.ApiClient(self._configuration))

    def _request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: object = None,
        content_type: str = "application/json",
    ) -> str:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        request = self._api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            answer = self._api.call_api(*request, _request_timeout=REQUEST_LIMIT)
            text = cast(bytes, answer.read()).decode(errors="replace")
        except Exception as error:  # urllib3's, of many types
            raise AccessError(f"{self.server} does not answer: {_line(error)}") from None
        if answer.status == http.client.NOT_FOUND:
            raise MissingError(f"{path.partition('?')[0]} is not there")
        if answer.status >= http.client.BAD_REQUEST:
            raise RefusedError(f"{method} {path}", answer.status, _message(text))
        return text


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
                raise ConnectionRefusedError(_line(reason)) from None
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


def _message(text: str) -> str:
    """The message of a Status, or the beginning of what came instead."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(text).get("message"))
    return " ".join(text.split())[:200]


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300]
