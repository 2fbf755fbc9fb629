"""Who set which field of an object: metadata.managedFields, as the API server keeps it."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from .api_objects import Manifest, entries

Steps = tuple[str, ...]
"""A path from an object down to a field: its keys, and for an item of a list `[<name>]` or `[<number>]`."""
Path = tuple[str, ...]
"""Steps as fieldsV1 has them: `f:<field>`, `k:<keys of an item>`, `v:<value in a set>`, `i:<index>`."""


@dataclass(frozen=True)
class Manager:
    """One entry of managedFields."""

    name: str
    operation: str
    subresource: str
    time: str
    fields: frozenset[Path]


def managers(manifest: Manifest) -> list[Manager]:
    """Who manages fields of an object."""
    return [
        Manager(
            str(entry.get("manager") or ""),
            str(entry.get("operation") or ""),
            str(entry.get("subresource") or ""),
            str(entry.get("time") or ""),
            frozenset(_leaves(entry.get("fieldsV1") or {})),
        )
        for entry in entries(manifest["metadata"].get("managedFields"))
    ]


def _leaves(tree: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    for step, below in tree.items():
        if step == ".":
            # Of a map, who made it matters to nobody; an item of a list comes and goes as a whole.
            if above[-1:] and above[-1].startswith("k:"):
                yield above
        elif below:
            yield from _leaves(cast(Mapping[str, Any], below), (*above, step))
        else:
            yield (*above, step)


def disowned(manifest: Manifest, paths: Collection[Path], keeps: Callable[[Manager], bool]) -> list[dict[str, Any]]:
    """managedFields without `paths`, but for the managers for which `keeps` holds: for everybody else, free to set."""
    listed = zip(entries(manifest["metadata"].get("managedFields")), managers(manifest), strict=True)
    left = [
        entry if keeps(manager) else {**entry, "fieldsV1": _without(entry.get("fieldsV1") or {}, paths)}
        for entry, manager in listed
    ]
    # The API server forgets all managers over one that manages nothing.
    return [entry for entry in left if entry.get("fieldsV1")]


def _without(tree: Mapping[str, Any], paths: Collection[Path], above: Path = ()) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for step, below in tree.items():
        path = above if step == "." else (*above, step)
        rest = _without(cast(Mapping[str, Any], below), paths, path) if below else {}
        if rest or (not below and path not in paths):
            left[step] = rest
    return left


@dataclass(frozen=True)
class Place:
    """Where a path leads in an object."""

    steps: Steps
    pointer: str
    value: Any

    @property
    def shown(self) -> str:
        """The path as people read it."""
        return text_of(self.steps)


def place(manifest: Manifest, path: Path) -> Place | None:
    """The field of an object that a path leads to; None where there is none."""
    value: Any = manifest
    steps: Steps = ()
    pointer = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            if not isinstance(value, Mapping) or rest not in value:
                return None
            value = cast(Mapping[str, Any], value)[rest]
            steps, pointer = (*steps, rest), f"{pointer}/{escaped(rest)}"
            continue
        index = _index(value, kind, rest)
        if index is None:
            return None
        items = cast(list[Any], value)
        value = items[index]
        steps, pointer = (*steps, f"[{item_name(items, index)}]"), f"{pointer}/{index}"
    return Place(steps, pointer, value)


def removals(pointers: Collection[str]) -> list[dict[str, Any]]:
    """A JSON patch that removes what the pointers lead to."""
    return [{"op": "remove", "path": pointer} for pointer in sorted(pointers, key=_place_in_lists, reverse=True)]


def _place_in_lists(pointer: str) -> list[tuple[int, str]]:
    """Sorts JSON pointers so that, reversed, of one list later items come first: an item that goes moves the rest."""
    return [(int(step), "") if step.isdigit() else (-1, step) for step in pointer.split("/")]


def is_unchanged(seen: Manifest, live: Manifest, pointer: str) -> bool:
    """Whether a JSON pointer leads to the same value in an object as it was seen and as it is, or to none in both."""
    one: Any = seen
    other: Any = live
    for step in pointer.split("/")[1:]:
        key: Any = unescaped(step)
        if isinstance(cast(object, one), list) and isinstance(cast(object, other), list):
            if not same_items(one, other):
                return False
            key = int(step)
        elif key not in one or key not in other:
            return key not in one and key not in other
        one, other = one[key], other[key]
    return bool(one == other)


def same_items(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists have the same items in the same order, by their names where they have some."""
    if not (are_named(one) and are_named(other)):
        return len(one) == len(other)
    return [item["name"] for item in one] == [item["name"] for item in other]


def text_of(steps: Steps) -> str:
    """A path as people read it: `spec.containers[name=web].image`."""
    return "".join(step if step.startswith("[") or not number else f".{step}" for number, step in enumerate(steps))


def escaped(field: str) -> str:
    """A field as a step of a JSON pointer."""
    return field.replace("~", "~0").replace("/", "~1")


def unescaped(step: str) -> str:
    """The field of a step of a JSON pointer."""
    return step.replace("~1", "/").replace("~0", "~")


def item_name(items: list[Any], index: int) -> str:
    """How an item of a list is told from the others: `name=x` where all have names of their own, else its number."""
    return f"name={items[index]['name']}" if are_named(items) else str(index)


def name_of_item(item: Any) -> str:
    """`name=x` of an item that has a name; empty for any other."""
    name = cast(Mapping[str, Any], item).get("name") if isinstance(item, Mapping) else None
    return f"name={name}" if name is not None else ""


def are_named(items: list[Any]) -> bool:
    """Whether every item has a name of its own."""
    names = [cast(Mapping[str, Any], item).get("name") for item in items if isinstance(item, Mapping)]
    return len(names) == len(items) > 0 and None not in names and len(set(map(str, names))) == len(names)


def _index(value: Any, kind: str, rest: str) -> int | None:
    if not isinstance(value, list):
        return None
    items = cast(list[Any], value)
    if kind == "i":
        return int(rest) if int(rest) < len(items) else None
    wanted: Any = json.loads(rest)
    for index, item in enumerate(items):
        if kind == "v" and item == wanted:
            return index
        if kind == "k" and isinstance(item, Mapping):
            # A key that an item leaves out has its default, which is nowhere said; protocol is the one that occurs.
            have = {"protocol": "TCP", **cast(Mapping[str, Any], item)}
            if all(have.get(key) == entry for key, entry in cast(Mapping[str, Any], wanted).items()):
                return index
    return None
