"""The API server of a kubeconfig's context by the official client, for what no resource of the program can say."""

import http.client
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from urllib3 import HTTPHeaderDict
from urllib3.util import Retry

from .api_objects import AccessError, Manifest, MissingError, RefusedError, Resource
from .kubeconfig import read
from .sign_in import client, configuration, impersonation

REQUEST_LIMIT = 20.0
# A connection that was kept may have been closed meanwhile, which only shows in its use. A server that asks for some
# patience (429 with Retry-After: a CRD's storage is just being set up) gets it. Whether one that is not there, or
# refuses, is worth another try is for a caller to say.
RETRIES = Retry(total=10, connect=0, read=1, redirect=0, status=10, other=0, allowed_methods=["GET"])
MERGE_PATCH = "application/merge-patch+json"


class ClusterApi:
    """The cluster of a context of a kubeconfig. Everything raises AccessError."""

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        """`kubeconfig` stands for the user's own files, `context` for the current one."""
        asked = read(context, kubeconfig)
        self._configuration = configuration(asked)
        self._configuration.retries = RETRIES
        self._impersonation = impersonation(asked.user)
        self._api = client.ApiClient(self._configuration)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        """One object; raises MissingError."""
        return cast(Manifest, json.loads(self._request("GET", resource.path(namespace, name))))

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """The objects of a kind with these labels, in one namespace or in all; raises MissingError without the kind."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = [("labelSelector", selector)] if selector else []
        return cast(list[Manifest], json.loads(self._request("GET", resource.path(namespace), query))["items"])

    def merge_patch(
        self, resource: Resource, name: str, namespace: str, patch: Mapping[str, Any], manager: str
    ) -> Manifest:
        """The object after a JSON merge patch, whose fields are `manager`'s then; raises MissingError."""
        asked, path = [("fieldManager", manager)], resource.path(namespace, name)
        return cast(Manifest, json.loads(self._request("PATCH", path, asked, patch, content_type=MERGE_PATCH)))

    def _request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: object = None,
        content_type: str = "application/json",
    ) -> str:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        method, url, headers, *rest = self._api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        sent = HTTPHeaderDict(headers)
        for name, value in self._impersonation:
            sent.add(name, value)
        try:
            answer = self._api.call_api(method, url, sent, *rest, _request_timeout=REQUEST_LIMIT)
            text = cast(bytes, answer.read()).decode(errors="replace")
        except Exception as error:  # urllib3's, of many types
            raise AccessError(f"{self.server} does not answer: {one_line(error)}") from None
        if answer.status == http.client.NOT_FOUND:
            raise MissingError(f"{path.partition('?')[0]} is not there")
        if answer.status >= http.client.BAD_REQUEST:
            raise RefusedError(f"{method} {path}", answer.status, _message(text))
        return text


def _message(text: str) -> str:
    """The message of a Status, or the beginning of what came instead."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(text).get("message"))
    return " ".join(text.split())[:200]


def one_line(error: object) -> str:
    """An error's text, which may have several lines, as the beginning of one."""
    return " ".join(str(error).split())[:300]
