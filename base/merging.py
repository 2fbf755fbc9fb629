"""One mapping laid over another."""

import copy
from collections.abc import Mapping
from typing import Any


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on top, mapping by mapping, as helm merges values: anything else is replaced."""
    result: dict[str, Any] = copy.deepcopy(dict(base))
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value  # type: ignore[reportUnknownArgumentType]
    return result
