"""What a pod says of its sidecar: who put it there, and which version it is of."""

import json
from collections.abc import Mapping

from .api_objects import Manifest, entries, mapping

PROXY = "istio-proxy"
"""The sidecar's container; a native one is among the init containers."""
STATUS_ANNOTATION = "sidecar.istio.io/status"


def injected_by(pod: Manifest) -> str:
    """The revision that injected a pod's sidecar, as its injector wrote it; empty where none did."""
    try:
        return str(json.loads(_annotations(pod).get(STATUS_ANNOTATION, "{}")).get("revision", ""))
    except (ValueError, AttributeError):
        return ""


def proxy_version(pod: Manifest) -> str:
    """The tag of the sidecar's image, which is its Istio version; empty where it has none."""
    spec = mapping(pod["spec"])
    for container in [*entries(spec["containers"]), *entries(spec.get("initContainers"))]:
        if container["name"] == PROXY:
            return image_tag(str(container["image"]))
    return ""


def image_tag(image: str) -> str:
    """The tag of an image that may also have a digest; empty where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _annotations(pod: Manifest) -> Mapping[str, str]:
    return mapping(pod["metadata"].get("annotations"))
