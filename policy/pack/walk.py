"""Walking nested values: every place with its path, as people write it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

UNKNOWN = "<unknown>"
"""Stands for a value that is known only after `up`."""


class MappingEntry(NamedTuple):
    """One entry of a mapping."""

    path: str
    """Keys from the top down to the entry, as `grafana.sidecar.image`."""
    key: str
    value: Any
    """Never None: to helm and Kubernetes, null is as good as not there."""
    around: Mapping[str, Any]
    """The mapping that has the entry."""


def places(value: Any, path: str = "") -> Iterator[MappingEntry]:
    """Every entry of every mapping within `value`, outer ones first."""
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        for key, entry in fields.items():
            if entry is None:
                continue
            here = f"{path}.{_shown(str(key))}" if path else _shown(str(key))
            yield MappingEntry(here, str(key), entry, fields)
            yield from places(entry, here)
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(cast(list[Any], value)):
            yield from places(entry, f"{path}[{_name(entry) or number}]")


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and content of every text within `value`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, entry in cast(Mapping[str, Any], value).items():
            yield from texts(entry, f"{path}.{_shown(str(key))}" if path else _shown(str(key)))
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(cast(list[Any], value)):
            yield from texts(entry, f"{path}[{_name(entry) or number}]")


def is_true(value: Any) -> bool:
    """Whether a setting is on; in files and variables it is a word."""
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes", "on"))


def _name(entry: Any) -> str:
    return str(cast(Mapping[str, Any], entry).get("name") or "") if isinstance(entry, Mapping) else ""


def _shown(key: str) -> str:
    return f'"{key}"' if "." in key else key
