"""What every tool of the comparison has."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..field import Field


class ToolAbsentError(Exception):
    """The tool cannot be had here; the message is one line that says why."""


@dataclass(frozen=True)
class Script:
    """Lines of POSIX shell, run as one measured process tree that stops at the first line that fails."""

    lines: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: Path | None = None


class MeasuredTool(ABC):
    """One tool on one field. What its constructor does is not measured."""

    name: ClassVar[str]
    label: ClassVar[str]
    """What the tables and the picture call it."""
    note: ClassVar[str]
    """What its figures stand for, and what they leave out. One sentence or more."""

    @classmethod
    @abstractmethod
    def ensure(cls) -> dict[str, str]:
        """Versions by program, of what the tool runs. Raises ToolAbsentError where one of them cannot be had."""

    @abstractmethod
    def __init__(self, field: Field) -> None: ...

    @abstractmethod
    def script(self, phase: str) -> Script | None:
        """What a phase is for this tool; None where it has nothing of the kind. What this prepares is not measured."""

    def recover(self, phase: str) -> Script | None:
        """What puts a phase right that failed, so that later ones can be measured; None where nothing does."""
        return None
