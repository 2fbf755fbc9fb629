"""The Pulumi engine as a measured command: where it is, and the options that every use of it shares."""

import shlex
from collections.abc import Sequence

from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import Engine, EngineMissingError, find_engine

from ..field import Field
from .tool import MeasuredTool, ToolAbsentError

COMMON = ("--non-interactive", "--color", "never")
_PHASES: dict[str, Sequence[str]] = {
    # As the lab's own driver calls it: the preview that `up` makes first for a person is a phase of its own here.
    "up": ("up", "--yes", "--skip-preview"),
    "no-op": ("preview", "--expect-no-changes"),
    "change": ("up", "--yes", "--skip-preview"),
    "upgrade": ("up", "--yes", "--skip-preview"),
    "destroy": ("destroy", "--yes", "--skip-preview"),
}


def ensure_engine() -> dict[str, str]:
    """The engine's version. Raises ToolAbsentError where there is none, or one of its providers is not to be had."""
    try:
        engine = find_engine(lambda line: None)
    except EngineMissingError as error:
        raise ToolAbsentError(str(error)) from None
    return {
        part.name if part is engine.cli else f"provider {part.name}": part.version
        for part in (engine.cli, *engine.providers)
    }


class EngineTool(MeasuredTool):
    """A tool that is there where the engine is."""

    @classmethod
    def ensure(cls) -> dict[str, str]:
        return ensure_engine()


def driver_on(engine: Engine, field: Field, phase: str) -> EngineDriver:
    """The lab's driver on a field: it writes the project's folder with the phase's settings, and makes the stack."""
    return EngineDriver(engine, field.target, field.stack(phase), field.say, state=field.folder)


def line_for(phase: str, command: str, stack: str) -> str:
    """The engine's command line for a phase of a stack, which lies in the folder that it is run in."""
    return shlex.join([command, *_PHASES[phase], "--stack", stack, *COMMON])
