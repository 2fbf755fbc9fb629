"""What a run of the engine did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One resource that a driver has dealt with."""

    name: str
    action: str
    """What was done: create, update, replace, delete, or same."""
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a driver did."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, Any]

    @property
    def changed(self) -> list[Step]:
        """The steps that changed something."""
        return [step for step in self.steps if step.action != "same"]
