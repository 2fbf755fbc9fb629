"""Which container images change, wherever an object names them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from ..render.objects import KubernetesObject
from .changes import Change
from .crds import CRD

# A registry with a dot in its name, a path, and a tag or digest: so few other texts look like it that a flag or a
# variable with such a value is an image.
_REFERENCE = re.compile(
    r"^(?:-{1,2}[\w.-]+=)?((?:[\w-]+\.)+[\w-]+(?::\d+)?/[\w./-]+(?::[\w.-]+|@sha256:[0-9a-f]{64})+)$"
)
_INJECTOR = "istio-sidecar-injector"


def image_changes(changes: Iterable[Change]) -> list[tuple[str, str, list[str]]]:
    """Old image, new image, and the objects that use it. One of the two is empty where an object comes or goes.

    An image that comes with a new object counts only where no other object had it before, and the reverse.
    """
    pairs: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        before = dict(images(change.before)) if change.before else {}
        after = dict(images(change.after)) if change.after else {}
        for place in [*before, *(place for place in after if place not in before)]:
            old, new = before.get(place, ""), after.get(place, "")
            if old != new:
                users = pairs.setdefault((old, new), [])
                if change.one.label not in users:
                    users.append(change.one.label)
    replaced = {old for old, new in pairs if old and new}, {new for old, new in pairs if old and new}
    return [
        (old, new, users)
        for (old, new), users in sorted(pairs.items(), key=lambda pair: (pair[0][0] or pair[0][1], pair[0][1]))
        if (old and new) or (old not in replaced[0] and new not in replaced[1])
    ]


def images(one: KubernetesObject) -> Iterator[tuple[str, str]]:
    """Where an object names an image, and which. Istio's injector has the one of every sidecar in its values."""
    if one.kind == CRD:
        return
    if one.kind == "ConfigMap":
        if one.name.startswith(_INJECTOR):
            yield from _sidecar(one)
        return
    yield from _within(one.manifest, "")


def _within(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, entry in cast(Mapping[str, Any], value).items():
            if key == "image" and isinstance(entry, str) and entry:
                yield f"{path}.image", entry
            elif key not in ("labels", "annotations"):
                yield from _within(entry, f"{path}.{key}")
    elif isinstance(value, list):
        for place, entry in enumerate(cast(list[Any], value)):
            name = cast(Mapping[str, Any], entry).get("name") if isinstance(entry, Mapping) else _flag(entry)
            yield from _within(entry, f"{path}[{name or place}]")
    elif isinstance(value, str):
        found = _REFERENCE.match(value)
        if found:
            yield path, found[1]


def _flag(argument: Any) -> str:
    """The name of a command's flag: where it stands among the others may change with its image."""
    return argument.split("=")[0] if isinstance(argument, str) and argument.startswith("-") else ""


def _sidecar(one: KubernetesObject) -> Iterator[tuple[str, str]]:
    try:
        values = json.loads(one.manifest["data"]["values"])["global"]
        image = str(values["proxy"]["image"])
        yield "sidecar", image if "/" in image else f"{values['hub']}/{image}:{values['tag']}"
    except (LookupError, TypeError, ValueError):
        return
