"""Values of charts, which have to arrive as they stand in the stack file."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, cast

from pydantic import AfterValidator

from .problem import Problem, shown
from .validators import refuse

_A_VALUE = "a value (Pulumi leaves a null out, so that the chart's own value stays; helm would take that away)"
_A_LIST = "a list without null (Pulumi leaves a null out)"


def _refuse_nulls(values: dict[str, Any]) -> dict[str, Any]:
    refuse(_nulls(values))
    return values


def _nulls(value: Any, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    if value is None:
        yield Problem(path, _A_VALUE, "null")
    elif isinstance(value, Mapping):
        for key, below in cast(Mapping[str, Any], value).items():
            yield from _nulls(below, (*path, str(key)))
    elif isinstance(value, list):
        items = cast(list[Any], value)
        if None in items:
            yield Problem(path, _A_LIST, shown(items))
        for index, below in enumerate(items):
            if below is not None:
                yield from _nulls(below, (*path, str(index)))


HelmValues = Annotated[dict[str, Any], AfterValidator(_refuse_nulls)]
"""Values merged over the program's own, last: the way out for whatever has no setting."""


def mapping_at(values: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The mapping at a path of free values; an empty one where something else stands there."""
    for key in path:
        below = values.get(key)
        values = cast(Mapping[str, Any], below) if isinstance(below, Mapping) else {}
    return values
