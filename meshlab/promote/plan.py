"""What one stack would get from another: a list of moves, and of pins that would go back."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from settings.models import Settings
from settings.versions import parse_version

from ..stack import Stack
from ..stackfile.reading import PROJECT, Config
from . import istio
from .moves import Move, Setback, Side
from .pins import ISTIO, PINS, SECTIONS, Pin


@dataclass(frozen=True)
class Promotion:
    """What promotion from one stack to another comes to."""

    source: str
    target: str
    moves: tuple[Move, ...]
    setbacks: tuple[Setback, ...]
    notes: tuple[str, ...]
    """What a person should know about the moves, one line each."""


def plan(source: Stack, target: Stack, sections: Collection[str] = SECTIONS) -> Promotion:
    """Compare the pins of two stacks, in the sections asked for. Raises ProgramError where a stack file is wrong."""
    old = Side(source.name, source.config, source.settings)
    new = Side(target.name, target.config, target.settings)
    found: list[Move | Setback] = []
    notes: list[str] = []
    if ISTIO in sections:
        result = istio.compare(old, new)
        found += result.found
        notes += result.notes
    for pin in PINS:
        if pin.key[0] in sections and _runs(pin, old.settings) and _runs(pin, new.settings):
            found += _compared(pin, old, new)
    moves = tuple(move for move in found if isinstance(move, Move))
    return Promotion(
        source.name,
        target.name,
        moves,
        tuple(setback for setback in found if isinstance(setback, Setback)),
        tuple(notes),
    )


def _runs(pin: Pin, settings: Settings) -> bool:
    """Whether a stack has the part that the pin is of: one that is switched off shows nothing and needs nothing."""
    return bool(getattr(getattr(settings, pin.path[0]), "enabled", True))


def _compared(pin: Pin, source: Side, target: Side) -> Iterator[Move | Setback]:
    wanted, current = pin.value(source.settings), pin.value(target.settings)
    if wanted == current:
        return
    if pin.version and wanted and current and parse_version(wanted) < parse_version(current):
        yield Setback(pin.key, current, wanted)
    else:
        # What the source leaves to the program's defaults, the target leaves to them as well.
        yield Move(pin.key, current, wanted, drop=not _written(pin, source.config))


def _written(pin: Pin, config: Config) -> bool:
    section, *rest = pin.key
    value: Any = config.get(f"{PROJECT}:{section}")
    for key in rest:
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = cast(Mapping[str, Any], value)[key]
    return True
