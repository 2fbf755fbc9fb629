"""No image is `latest`, said or unsaid: such a pod runs something else after each restart."""

from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import DeclaredRelease, Object, Subject, entries, mapping
from ..walk import UNKNOWN, places

_TAG_KEYS = ("tag", "image_version", "imageTag")
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_INJECTED = "auto"
"""Istio's own word for an image that its injector fills in."""


def _check(subject: Subject, settings: PackSettings) -> Findings:
    if isinstance(subject, DeclaredRelease):
        yield from _said(subject.values, "values.")
    elif not subject.is_text:
        yield from _said(subject.manifest, "")
        yield from _unsaid(subject)


def _said(value: object, prefix: str) -> Findings:
    for place in places(value):
        if not isinstance(place.value, str):
            continue
        named_latest = place.key == "image" and _tag(place.value) == "latest"
        if named_latest or (place.key in _TAG_KEYS and place.value == "latest"):
            yield f"{prefix}{place.path}: expected an exact version, got {place.value}"


def _unsaid(subject: Object) -> Findings:
    """Containers alone: elsewhere a field of its own may have the tag."""
    for place in places(subject.manifest):
        for container in entries(place.value) if place.key in _CONTAINERS else ():
            image = mapping(container).get("image")
            if image and image not in (UNKNOWN, _INJECTED) and not _tag(str(image)):
                where = f"{place.path}[{mapping(container).get('name')}].image"
                yield f"{where}: expected a tag or a digest, got {image}, which is to Kubernetes its latest"


def _tag(image: str) -> str:
    """The tag or digest of an image; the colon of a registry's port is none."""
    name, at, digest = image.partition("@")
    return digest if at else name.rpartition("/")[2].partition(":")[2]


RULE = PolicyRule("no-latest", "Every image has an exact version or a digest.", _check)
