"""Where a live object lacks or changes something of what was declared."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from kubernetes.utils import quantity as _quantity

from ..recording.recorder import SECRET, UNKNOWN

parse_quantity = cast(Any, _quantity).parse_quantity  # ships no types


def differences(expected: object, seen: object, at: str = "") -> Iterator[str]:
    """Where `seen` lacks or changes something of `expected`; what it has besides (defaults, labels) does not count.

    What is not known before `up`, or secret, only has to be there.
    """
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        have = cast(Mapping[str, object], seen)
        for key, value in cast(Mapping[str, object], expected).items():
            if value is not None:
                yield from differences(value, have.get(key), f"{at}.{key}" if at else key)
    elif isinstance(expected, list) and isinstance(seen, list):
        want, got = cast(list[object], expected), cast(list[object], seen)
        if len(want) != len(got):
            yield f"{at}: expected {len(want)} entries, got {len(got)}"
        else:
            for number, (one, other) in enumerate(zip(want, got, strict=True)):
                yield from differences(one, other, f"{at}[{number}]")
    elif expected in (SECRET, UNKNOWN):
        if seen is None:
            yield f"{at}: expected a value, got nothing"
    elif not _same(cast(object, expected), seen, at):
        yield f"{at}: expected {_short(cast(object, expected))}, got {_short(seen)}"


def _same(expected: object, seen: object, at: str) -> bool:
    if expected == seen or (expected in ({}, []) and seen is None):
        return True
    # The API server writes quantities in its own way: 1000m becomes 1.
    if ".resources." in at and isinstance(expected, str | int | float) and isinstance(seen, str | int | float):
        with suppress(ValueError):
            return parse_quantity(expected) == parse_quantity(seen)
    return False


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
