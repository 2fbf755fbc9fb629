"""The charts that all tools install: real ones from a folder, else the stand-ins, which are said to be such."""

from collections.abc import Mapping
from pathlib import Path

from base.say import Say
from meshlab.charts.source import STAND_INS_FOLDER, pack_stand_ins
from meshlab.stack import Stack

from . import course

REAL, STAND_IN = "real", "stand-ins"


def chosen(folder: str | None, say: Say) -> tuple[Path, str]:
    """The folder of packed charts for every phase, and which of REAL and STAND_IN they are. Raises MeshlabError."""
    if folder is not None:
        return Path(folder).expanduser().resolve(), REAL
    say("no folder of charts named (--charts, MESHLAB_CHARTS): stand-ins, whose figures say nothing of the real ones")
    return pack_stand_ins(STAND_INS_FOLDER, _wanted(), say), STAND_IN


def versions() -> list[str]:
    """Name and version of each chart of the course, sorted."""
    return sorted(f"{chart} {version}" for chart, found in _wanted().items() for version in found)


def _wanted() -> Mapping[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for phase in course.PHASES:
        for chart in Stack.load(course.STACK, overlay=course.overlay(phase)).wanted:
            wanted.setdefault(chart.name, set()).add(chart.version)
    return wanted
