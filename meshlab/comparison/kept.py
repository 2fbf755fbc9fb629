"""An object as it should be, but for the fields that are left as they are."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from kube.fields import Steps

Stays = Callable[[Steps], bool]
"""Whether a field, and all below it, is left as it is."""
NameOf = Callable[[Any], str]
"""What tells an item of a list from its neighbours; empty where nothing does."""


class _Absent:
    """Nothing there: a null is something."""


ABSENT = _Absent()


def kept(have: Any, wanted: Any, stays: Stays, name_of: NameOf) -> Any:
    """`wanted`, but with the fields that stay as `have` has them, whether that has them or not."""
    return _Keeper(stays, name_of).merged(have, wanted, ())


def covered(value: Any, covers: Stays, name_of: NameOf, at: Steps = ()) -> list[Steps]:
    """The outermost fields of an object that `covers` holds for."""
    if at and covers(at):
        return [at]
    below = _entries(value, name_of)
    return [found for step, entry in below.items() for found in covered(entry, covers, name_of, (*at, step))]


class _Keeper:
    def __init__(self, stays: Stays, name_of: NameOf) -> None:
        self._stays, self._name_of = stays, name_of

    def merged(self, have: Any, wanted: Any, at: Steps) -> Any:
        if at and self._stays(at):
            return have
        sides = [side for side in (have, wanted) if side is not ABSENT]
        if sides and all(isinstance(side, Mapping) for side in sides):
            return self._mapping(have, wanted, at)
        if sides and all(isinstance(side, list) for side in sides):
            return self._list(have, wanted, at)
        return wanted

    def _mapping(self, have: Any, wanted: Any, at: Steps) -> Any:
        old: Mapping[str, Any] = {} if have is ABSENT else have
        new: Mapping[str, Any] = {} if wanted is ABSENT else wanted
        return _or_absent(self._below(old, new, at), have, wanted)

    def _list(self, have: Any, wanted: Any, at: Steps) -> Any:
        old: list[Any] = [] if have is ABSENT else have
        new: list[Any] = [] if wanted is ABSENT else wanted
        if all(_named(items, self._name_of) for items in (old, new)):
            below = self._below(_entries(old, self._name_of), _entries(new, self._name_of), at)
            return _or_absent([*below.values()], have, wanted)
        if len(old) == len(new):
            pairs = enumerate(zip(old, new, strict=True))
            return [self.merged(one, other, (*at, f"[{number}]")) for number, (one, other) in pairs]
        return wanted

    def _below(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Steps) -> dict[str, Any]:
        keys = {**new, **old}
        merged = {key: self.merged(old.get(key, ABSENT), new.get(key, ABSENT), (*at, key)) for key in keys}
        return {key: value for key, value in merged.items() if value is not ABSENT}


def _or_absent(left: Any, have: Any, wanted: Any) -> Any:
    """What is left of a collection. One that is there for nothing but fields that stay, is there only with them."""
    there = have if wanted is not ABSENT and wanted and not left else wanted
    return left if left or there is not ABSENT else ABSENT


def _entries(value: Any, name_of: NameOf) -> Mapping[str, Any]:
    """What is right below a value, by its step."""
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value)
    items = cast(list[Any], value) if isinstance(value, list) else []
    by_name = _named(items, name_of)
    return {f"[{name_of(item) if by_name else number}]": item for number, item in enumerate(items)}


def _named(items: Sequence[Any], name_of: NameOf) -> bool:
    """Whether every item has a name of its own; so it is where there is none."""
    names = [name_of(item) for item in items]
    return all(names) and len(set(names)) == len(names)


def without(value: Any, gone: Collection[Steps], name_of: NameOf, at: Steps = ()) -> Any:
    """A copy of a value without some of its fields and items."""
    below = {
        step: without(entry, gone, name_of, (*at, step))
        for step, entry in _entries(value, name_of).items()
        if (*at, step) not in gone
    }
    if isinstance(value, Mapping):
        return below
    return [*below.values()] if isinstance(value, list) else value
