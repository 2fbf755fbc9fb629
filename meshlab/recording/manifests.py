"""The Kubernetes object that a recorded resource stands for."""

from collections.abc import Mapping
from typing import Any, cast

from .recorder import Recorded


def manifest_of(resource: Recorded) -> dict[str, Any]:
    """`apiVersion`, `kind` and what the program gave, as the API server takes it."""
    group_version, kind = resource.type.removeprefix("kubernetes:").rsplit(":", 1)
    api_version = group_version.removeprefix("core/")
    manifest: dict[str, Any] = {"apiVersion": api_version, "kind": kind.removesuffix("Patch"), **resource.inputs}
    metadata = dict(cast(Mapping[str, Any], manifest["metadata"]))
    if not metadata.get("annotations", True):
        del metadata["annotations"]
    return {**manifest, "metadata": metadata}
