"""The API server by kubectl, which knows every way to sign in, and starts quicker than any client library."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from base import process
from base.environment import reaching
from base.errors import MeshlabError

from ..engine.state import ReleaseKey

REQUEST_LIMIT_SECONDS = 10.0

FAILED_UPGRADE = "failed upgrade"
STOOD = ("deployed", FAILED_UPGRADE)


class UnreachableError(MeshlabError):
    """The cluster does not answer, or refuses. One line."""


@dataclass(frozen=True)
class Reached:
    """A cluster that has answered."""

    server: str
    uid: str
    """UID of namespace kube-system: no other cluster has the same."""
    version: str
    """`v1.34.4`."""

    @property
    def kubernetes(self) -> str:
        """The version as charts take it, without a provider's own addition."""
        return self.version.removeprefix("v").partition("+")[0].partition("-")[0]


class Api:
    """Requests to one cluster."""

    def __init__(self, kubectl: Path, kubeconfig: Path) -> None:
        self._kubectl, self.kubeconfig = kubectl, kubeconfig
        self._env = reaching(kubeconfig)

    def reach(self) -> Reached:
        """Ask who is there. Raises UnreachableError."""
        version = self.get("/version")
        namespace = self.get("/api/v1/namespaces/kube-system")
        view = self._run(["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"])
        return Reached(view.strip(), str(namespace["metadata"]["uid"]), str(version["gitVersion"]))

    def get(self, path: str) -> dict[str, Any]:
        """The answer to a GET. Raises UnreachableError."""
        return cast(dict[str, Any], json.loads(self._run(["get", "--raw", path])))

    def releases(self) -> dict[ReleaseKey, str]:
        """Status of the last revision of each helm release, of everybody.

        As a table: the records themselves are megabytes. A rollback leaves the revision that it rolled back pending. A
        failed revision over one that stood is FAILED_UPGRADE: `failed` alone is an install.
        """
        selector, columns = "owner=helm,status!=superseded", "name,status,version"
        command = ["get", "secrets", "--all-namespaces", "--selector", selector, "--label-columns", columns]
        rows = [line.split() for line in self._run([*command, "--no-headers"]).splitlines()]
        rows.sort(key=lambda row: int(row[-1]))
        found: dict[ReleaseKey, str] = {}
        for row in rows:
            key, status = ReleaseKey(row[0], row[-3]), row[-2]
            found[key] = FAILED_UPGRADE if status == "failed" and found.get(key) in STOOD else status
        return found

    def crds(self) -> dict[str, Mapping[str, Any]]:
        """The metadata of every CRD by name. One request for all: one for each would take seconds."""
        listed = self.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        metadata = [cast(Mapping[str, Any], one["metadata"]) for one in listed["items"]]
        return {str(one["name"]): one for one in metadata}

    def review(self, manifests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Post review objects, which the API server answers and does not keep; the statuses, in the same order."""
        if not manifests:
            return []
        document = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        said = self._run(["create", "--validate=false", "-f", "-", "-o", "json"], stdin=json.dumps(document))
        decoder, found, rest = json.JSONDecoder(), cast(list[Mapping[str, Any]], []), said.strip()
        while rest:
            one, end = decoder.raw_decode(rest)
            found += one["items"] if one["kind"] == "List" else [one]
            rest = rest[end:].strip()
        return [one["status"] for one in found]

    def _run(self, args: list[str], stdin: str = "") -> str:
        limit = f"{REQUEST_LIMIT_SECONDS:g}s"
        try:
            return process.run(
                [self._kubectl, f"--request-timeout={limit}", *args],
                timeout=3 * REQUEST_LIMIT_SECONDS,
                env=self._env,
                stdin=stdin,
            ).stdout
        except process.ProcessError as error:
            raise UnreachableError(str(error)) from None
