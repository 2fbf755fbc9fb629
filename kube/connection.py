"""A connection to the API server of a kubeconfig's context: requests, their limits, and how they fail.

It takes from the official client the connection and the sign-in, not its classes of kinds: those take longer to import
than a command has (docs/adr/0009-kubernetes-client.md).
"""

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from urllib3 import HTTPHeaderDict
from urllib3.util import Retry

from base.refusals import message_of

from .api_objects import AccessError, Manifest, MissingError, RefusedError, Resource
from .kubeconfig import read
from .sign_in import client, configuration, impersonation

CONNECT_LIMIT, READ_LIMIT = 10.0, 20.0
"""Seconds."""
# A kept connection may have been closed in the meantime, which shows only when it is used. A server that asks for
# patience (429 with Retry-After, while the storage of a CRD is set up) gets it. A caller decides whether to retry a
# server that is not there or that refuses.
RETRIES = Retry(total=10, connect=0, read=1, redirect=0, status=10, other=0, allowed_methods=["GET"])
JSON = "application/json"
METADATA_ONLY = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Query = Sequence[tuple[str, str]]
Labels = Mapping[str, str] | str | None
"""Labels that objects have, or a selector in kubectl's syntax."""


class Connection:
    """Requests to one API server. Everything raises AccessError; several threads may use one."""

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        """`kubeconfig` replaces the user's own files, `context` the current context."""
        found = read(context, kubeconfig)
        self.namespace = str(found.context.get("namespace") or "default")
        """Where kubectl looks for an object that names no namespace."""
        self._configuration = configuration(found)
        self._configuration.retries = RETRIES
        self._impersonation = impersonation(found.user)
        self._api = client.ApiClient(self._configuration)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        """One object; raises MissingError."""
        return self._answer("GET", resource.path(namespace, name))

    def list(self, resource: Resource, namespace: str = "", labels: Labels = None) -> Sequence[Manifest]:
        """The objects of a kind, in one namespace or in all. Raises MissingError if the kind does not exist."""
        return self._items(resource, namespace, labels, JSON)

    def metadata(self, resource: Resource, namespace: str = "", labels: Labels = None) -> Sequence[Manifest]:
        """As `list`, with the metadata of each object only: for objects that are large."""
        return self._items(resource, namespace, labels, METADATA_ONLY)

    def create(self, resource: Resource, manifest: Manifest, namespace: str = "") -> Manifest:
        """The object as created. A review is answered and not kept."""
        return self._answer("POST", resource.path(namespace), body=manifest)

    def _items(self, resource: Resource, namespace: str, labels: Labels, accept: str) -> Sequence[Manifest]:
        selector = labels if isinstance(labels, str) else ",".join(map("=".join, (labels or {}).items()))
        query = [("labelSelector", selector)] if selector else []
        # A kind without objects has null in the list of its metadata.
        return self._answer("GET", resource.path(namespace), query, accept=accept)["items"] or []

    def _answer(self, method: str, path: str, query: Query = (), **rest: Any) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self._request(method, path, query, **rest)))

    def _request(self, method: str, path: str, query: Query = (), **rest: Any) -> str:
        return self._text_and_warnings(method, path, query, **rest)[0]

    def _text_and_warnings(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> tuple[str, Sequence[str]]:
        """The answer, and its Warning headers as they are."""
        headers = {"Accept": accept, "Content-Type": content_type}
        method, url, headers, *rest = self._api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        sent = HTTPHeaderDict(headers)
        for name, value in self._impersonation:
            sent.add(name, value)
        try:
            answer = self._api.call_api(method, url, sent, *rest, _request_timeout=(CONNECT_LIMIT, READ_LIMIT))
            text = cast(bytes, answer.read()).decode(errors="replace")
        except Exception as error:  # urllib3's, of many types
            raise AccessError(f"{self.server} does not answer: {one_line(error)}") from None
        if answer.status == http.client.NOT_FOUND:
            raise MissingError(f"{path.partition('?')[0]} is not there")
        if answer.status >= http.client.BAD_REQUEST:
            raise RefusedError(f"{method} {path}", answer.status, message_of(text))
        return text, cast(HTTPHeaderDict, answer.getheaders()).getlist("Warning")


def one_line(error: object) -> str:
    """The beginning of an error's text on one line."""
    return " ".join(str(error).split())[:300]
