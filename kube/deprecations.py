"""What an API server says is deprecated: of an object that is applied, and of the APIs that it was asked for."""

import json
import re
from collections.abc import Mapping, Sequence

from .api_objects import Manifest, Resource
from .changes import APPLY, DRIFT_MANAGER, DRY_RUN
from .connection import Connection

METRIC = "apiserver_requested_deprecated_apis"
LABEL = re.compile(r'(\w+)="([^"]*)"')
WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"(?: "[^"]*")?')
"""A Warning header: code, agent, text, and perhaps a date."""


class Deprecations(Connection):
    """Questions about what a cluster serves and will not serve for ever."""

    def warnings(self, resource: Resource, manifest: Manifest) -> Sequence[str]:
        """What the API server warns of if `manifest` is applied, such as a deprecated field. Changes nothing."""
        metadata = manifest["metadata"]
        path = resource.path(metadata.get("namespace") or "", metadata["name"])
        query = [("fieldManager", DRIFT_MANAGER), ("force", "true"), DRY_RUN]
        headers = self._text_and_warnings("PATCH", path, query, body=json.dumps(manifest), content_type=APPLY)[1]
        return [warning_text(header) for header in headers]

    def deprecated_requests(self) -> dict[str, str]:
        """The deprecated APIs that this API server has been asked for since it started, by `jobs.batch/v1beta1`.

        The values say in which version of Kubernetes each is removed; empty if that is not decided.
        """
        lines = [line for line in self._request("GET", "/metrics").splitlines() if line.startswith(f"{METRIC}{{")]
        found = [dict(LABEL.findall(line)) for line in lines]
        return {_name(item): item.get("removed_release", "") for item in found}


def warning_text(header: str) -> str:
    """The text of a Warning header, as `299 - "text"`."""
    found = WARNING.fullmatch(header.strip())
    return re.sub(r"\\(.)", r"\1", found[1]) if found else header


def _name(labels: Mapping[str, str]) -> str:
    group = f".{labels['group']}" if labels.get("group") else ""
    return f"{labels.get('resource', '')}{group}/{labels.get('version', '')}"
