"""Values of charts that would not arrive as they stand in the stack file."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .errors import Problem, shown
from .models import IstioSettings, KialiSettings, MonitoringSettings
from .section import Section

_A_VALUE = "a value (Pulumi leaves a null out, so that the chart's own value stays; helm would take that away)"
_A_LIST = "a list without null (Pulumi leaves a null out)"


def lost_nulls(sections: Mapping[str, Section]) -> Iterator[Problem]:
    """Every null in the charts' values."""
    istio = cast(IstioSettings | None, sections.get("istio"))
    for name, revision in istio.revisions.items() if istio is not None else ():
        yield from _nulls(revision.values, ("istio", "revisions", name, "values"))
    for section in ("monitoring", "kiali"):
        settings = cast(MonitoringSettings | KialiSettings | None, sections.get(section))
        if settings is not None:
            yield from _nulls(settings.values, (section, "values"))


def _nulls(value: Any, path: tuple[str, ...]) -> Iterator[Problem]:
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
