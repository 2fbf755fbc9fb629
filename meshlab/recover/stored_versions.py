"""Whether a release can go back: Kubernetes refuses a CRD without a version in which objects are stored."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

from kube.api_objects import Manifest


def newer_stored_versions(
    manifests: Iterable[Manifest], live: Callable[[Collection[str]], Iterable[Manifest]]
) -> dict[str, list[str]]:
    """By name, the stored versions of live CRDs that these manifests of them lack. `live` looks CRDs up by name."""
    versions = {
        str(manifest["metadata"]["name"]): _versions(manifest)
        for manifest in manifests
        if manifest["kind"] == "CustomResourceDefinition"
    }
    if not versions:
        return {}
    found: dict[str, list[str]] = {}
    for crd in live(versions):
        name = str(crd["metadata"]["name"])
        stored = cast(list[str], cast(Any, crd)["status"]["storedVersions"])
        if lacking := [version for version in stored if version not in versions[name]]:
            found[name] = lacking
    return found


def _versions(crd: Manifest) -> set[str]:
    return {str(version["name"]) for version in cast(Any, crd)["spec"]["versions"]}
