"""The program's data files: Kubernetes manifests, Envoy files and dashboards. Pure: reads files and nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from .errors import MeshlabError

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = ROOT / "manifests"
DASHBOARDS = ROOT / "dashboards"

DASHBOARD_LIMIT_BYTES = 900_000
"""A ConfigMap holds 1 MiB at most, its own metadata included; this leaves room for that."""

Manifest = dict[str, Any]


class _ManifestLoader(yaml.CSafeLoader):
    """SafeLoader that also reads a bare `=`, which stands in an enum of the operator's CRDs."""


def _value(loader: yaml.CSafeLoader, node: yaml.Node) -> str:
    return loader.construct_scalar(cast(yaml.ScalarNode, node))


_ManifestLoader.add_constructor("tag:yaml.org,2002:value", _value)


def load_manifests(*parts: str) -> list[Manifest]:
    """Return the objects of one YAML file below `manifests/`, in file order.

    Raises MeshlabError where the file is missing, does not parse, or holds something that is no Kubernetes object.
    """
    path = MANIFESTS.joinpath(*parts)
    manifests = load_documents(path)
    for number, manifest in enumerate(manifests, 1):
        if not _is_object(manifest):
            raise MeshlabError(f"{path}: document {number}: expected apiVersion, kind and metadata.name")
    return manifests


def load_documents(path: Path) -> list[Any]:
    """Return the documents of a YAML file, without empty ones; raises MeshlabError where it is missing or no YAML."""
    try:
        documents: list[Any] = list(yaml.load_all(_read(path), Loader=_ManifestLoader))
    except yaml.YAMLError as error:
        raise MeshlabError(f"{path}: expected YAML, got: {str(error).replace(chr(10), ' ')}") from None
    return [document for document in documents if document is not None]


def load_text(*parts: str) -> str:
    """Return the text of one file below `manifests/`; raises MeshlabError where it is missing."""
    return _read(MANIFESTS.joinpath(*parts))


def load_dashboards(folder: Path = DASHBOARDS) -> dict[str, str]:
    """Return the JSON text of every dashboard by its name (the file's, without `.json`), sorted by name.

    Raises MeshlabError where there is none, one is no JSON object with `uid` and `title`, or one is too big for a
    ConfigMap.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise MeshlabError(f"{folder}: expected dashboards (*.json), got none")
    dashboards = {path.stem: _read(path) for path in paths}
    for path in paths:
        _check_dashboard(path, dashboards[path.stem])
    return dashboards


def _check_dashboard(path: Path, text: str) -> None:
    size = len(text.encode())
    if size > DASHBOARD_LIMIT_BYTES:
        raise MeshlabError(f"{path}: expected at most {DASHBOARD_LIMIT_BYTES} bytes (a ConfigMap's limit), got {size}")
    try:
        dashboard: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise MeshlabError(f"{path}: expected JSON, got: {error}") from None
    if not (isinstance(dashboard, dict) and "uid" in dashboard and "title" in dashboard):
        raise MeshlabError(f"{path}: expected a dashboard with uid and title")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MeshlabError(f"{path}: expected a file, got none") from None


def _is_object(manifest: object) -> bool:
    if not isinstance(manifest, Mapping):
        return False
    fields = cast(Mapping[str, Any], manifest)
    metadata = cast(Mapping[str, Any], fields.get("metadata") or {})
    return bool(fields.get("apiVersion") and fields.get("kind") and metadata.get("name"))
