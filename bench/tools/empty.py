"""A Pulumi program without a resource: what the engine and Python cost by themselves."""

import shlex
import sys

from meshlab.recording.recorder import ROOT

from ..field import Field
from .engine import EngineTool
from .tool import Script

_METHODS = {"up": "up", "no-op": "preview", "destroy": "down"}


class Empty(EngineTool):
    """The floor under every figure of the engine."""

    name, label = "empty", "empty program"
    note = "A program that declares nothing, run inline like this program. It shows the share of engine and SDK."

    def __init__(self, field: Field) -> None:
        self._field = field

    def script(self, phase: str) -> Script | None:
        if phase not in _METHODS:
            return None
        words = [sys.executable, "-m", "bench.empty", _METHODS[phase], str(self._field.folder)]
        return Script([shlex.join(words)], cwd=ROOT)
