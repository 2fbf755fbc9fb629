"""Which pins each stack has, and how far each is behind the one before it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from base.errors import MeshlabError
from settings.models import IstioSettings, Settings

from ..results.report import report_file
from ..stack import Stack
from ..state_folder import STATE
from .evidence import read_report
from .moves import written
from .pins import PINS
from .plan import Promotion, plan

NOTHING = "-"
SHOWN_COMMIT = 7

Row = tuple[str, ...]


def status_lines(stacks: Sequence[Stack], state: Path = STATE) -> list[str]:
    """The table of the stacks in their order, then a line for each of how far it is behind. Raises ProgramError."""
    settings = {stack.name: stack.settings for stack in stacks}
    rows = [("pin", *settings), *_rows(list(settings.values())), *_verified(list(settings), state)]
    steps = [plan(old, new) for old, new in pairwise(stacks)]
    return [*_table(rows), "", *(_told(step) for step in steps)]


def _rows(settings: Sequence[Settings]) -> Iterator[Row]:
    yield from _by_name("revision {}", settings, lambda istio: {n: r.version for n, r in istio.revisions.items()})
    yield from _by_name("tag {}", settings, lambda istio: istio.tags)
    yield "default revision", *(setting.istio.default for setting in settings)
    for pin in PINS:
        values = [pin.value(setting) for setting in settings]
        section = pin.path[0]
        runs = [getattr(getattr(setting, section), "enabled", True) for setting in settings]
        shown = [str(value) if value is not None and on else NOTHING for value, on in zip(values, runs, strict=True)]
        # Thresholds that are the same everywhere say nothing: there are many.
        if "thresholds" not in pin.key or len(set(shown)) > 1:
            yield ".".join(pin.key), *shown


def _by_name(
    title: str, settings: Sequence[Settings], of: Callable[[IstioSettings], Mapping[str, str]]
) -> Iterator[Row]:
    names = dict.fromkeys(name for setting in settings for name in of(setting.istio))
    for name in names:
        yield title.format(name), *(of(setting.istio).get(name, NOTHING) for setting in settings)


def _verified(stacks: Sequence[str], state: Path) -> Iterator[Row]:
    yield "last verify here", *(_last_verify(stack, state) for stack in stacks)


def _last_verify(stack: str, state: Path) -> str:
    try:
        report: Mapping[str, Any] | None = read_report(report_file(stack, state), stack)
    except MeshlabError:
        return "unreadable"
    if report is None:
        return NOTHING
    return f"{report['result']} at {str(report['commit'])[:SHOWN_COMMIT]}"


def _told(step: Promotion) -> str:
    parts = [
        f"{len(found)} {how} {step.source} ({', '.join(written(move.key) for move in found)})"
        for how, found in (("behind", step.moves), ("ahead of", step.setbacks))
        if found
    ]
    return f"{step.target}: {'; '.join(parts)}" if parts else f"{step.target} has every pin of {step.source}"


def _table(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
