"""The API server of one embedded cluster, as the processes beside it ask it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from base.errors import MeshlabError
from base.goyaml.text import document
from base.refusals import message_of

REQUEST_LIMIT = 10.0
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Of a list."""
METADATA_OF_EACH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Of a watch."""


class ApiConnection:
    """One connection that stays open between requests; not for several threads."""

    def __init__(self, kubeconfig: Path, limit: float = REQUEST_LIMIT) -> None:
        """`kubeconfig` names the files of its certificates, as kwokctl writes it. `limit`: seconds without a byte."""
        loaded: dict[str, Any] = document(kubeconfig.read_text(encoding="utf-8"))
        cluster: dict[str, str] = loaded["clusters"][0]["cluster"]
        user: dict[str, str] = loaded["users"][0]["user"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        context.load_cert_chain(user["client-certificate"], user["client-key"])
        server = urlsplit(cluster["server"])
        assert server.hostname
        self._connection = http.client.HTTPSConnection(server.hostname, server.port, context=context, timeout=limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def list(self, path: str, *, accept: str = JSON) -> list[dict[str, Any]]:
        """The objects of a collection, as the API server's own cache has them: a moment behind, and without a question
        to etcd, which costs as much again. Raises MeshlabError."""
        answer = self._request("GET", f"{path}?resourceVersion=0", {"Accept": accept})
        return answer["items"] or []

    def get(self, path: str) -> dict[str, Any] | None:
        """One object; None where it is not there. Raises MeshlabError."""
        return self._request("GET", path, {"Accept": JSON}, accepted=http.client.NOT_FOUND)

    def create(self, path: str, created: dict[str, Any]) -> None:
        """Adds one object to a collection, if it is not there. Raises MeshlabError."""
        headers = {"Accept": JSON, "Content-Type": JSON}
        self._request("POST", path, headers, json.dumps(created), accepted=http.client.CONFLICT)

    def annotate(self, path: str, key: str, value: str) -> None:
        """Gives one object an annotation. Raises MeshlabError."""
        body = json.dumps({"metadata": {"annotations": {key: value}}})
        self._request("PATCH", path, {"Accept": JSON, "Content-Type": MERGE_PATCH}, body)

    def watch(self, path: str, seconds: int) -> Iterator[dict[str, Any]]:
        """The metadata of a collection's objects: of those that are there, then of each that comes, changes or goes.
        The API server ends it after so many seconds. Raises MeshlabError."""
        path = f"{path}?watch=true&timeoutSeconds={seconds}"
        try:
            for line in self._answer("GET", path, {"Accept": METADATA_OF_EACH}):
                event: dict[str, Any] = json.loads(line)
                if event["type"] == "ERROR":
                    raise MeshlabError(f"watch {path}: {event['object'].get('message')}")
                yield event["object"]["metadata"]
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MeshlabError(f"watch {path}: {error}") from None
        finally:
            self._connection.close()  # with what is left of the answer

    def _request(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None, *, accepted: int | None = None
    ) -> Any:
        """What is answered; None with the status `accepted`."""
        try:
            response = self._answer(method, path, headers, body, accepted=accepted)
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request opens another
            raise MeshlabError(f"{method} {path}: {error}") from None
        return None if response.status == accepted else json.loads(text)

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None, *, accepted: int | None = None
    ) -> http.client.HTTPResponse:
        """The start of an answer, whose rest has to be read. Raises MeshlabError where the API server refuses with
        another HTTP status than `accepted`."""
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        if response.status >= http.client.BAD_REQUEST and response.status != accepted:
            said = message_of(response.read().decode(errors="replace"))
            raise MeshlabError(f"{method} {path}: HTTP {response.status} {' '.join(said.split())[:200]}")
        return response
