"""This program on the Pulumi engine: as the lab runs it, by pulumi alone, and held to a plan."""

import json
import shlex
import shutil
import sys
from pathlib import Path

from meshlab.engine.programs import find_engine
from meshlab.recording.recorder import ROOT

from .. import course
from ..field import Field
from .engine import COMMON, EngineTool, driver_on, line_for
from .tool import Script, ToolAbsentError

HOST = "pulumi-language-python"


class Lab(EngineTool):
    """What `make up`, `make preview` and `make down` run once their cluster is there."""

    name, label = "lab", "this program"
    note = (
        "`make up`, `make preview` and `make down` with the engine, from the start of Python. They create the stack, "
        "check every resource against the policies, and run the program inline."
    )

    def __init__(self, field: Field) -> None:
        self._field = field

    def script(self, phase: str) -> Script:
        return Script([_drive(self._field, phase)], cwd=ROOT)


class Pulumi(EngineTool):
    """The same program by pulumi alone."""

    name, label = "pulumi", "pulumi alone"
    note = "The same program, state and charts with the pulumi command, without the policy pack."

    @classmethod
    def ensure(cls) -> dict[str, str]:
        if shutil.which(HOST) is None:
            raise ToolAbsentError(f"{HOST} is not on PATH, and the pulumi command runs no program without it")
        return super().ensure()

    def __init__(self, field: Field) -> None:
        self._field, self._engine = field, find_engine(field.say)

    def script(self, phase: str) -> Script:
        return self._script(phase, self.lines(phase))

    def lines(self, phase: str) -> list[str]:
        """The command lines of a phase."""
        return [line_for(phase, self._engine.program, course.STACK)]

    def _script(self, phase: str, lines: list[str]) -> Script:
        driver = driver_on(self._engine, self._field, phase)
        workspace = driver.stack.workspace
        return Script(lines, env={**workspace.env_vars, "PULUMI_EXPERIMENTAL": "true"}, cwd=Path(workspace.work_dir))


class PlannedUpdate(Pulumi):
    """A preview that keeps what it proposes, and an update that may do nothing else."""

    name, label = "plan", "with a plan"
    note = (
        "A preview that saves a plan, then an update with this plan. The no-op saves a plan too. The engine has no "
        "plan for a destroy, so destroy is the same as with pulumi alone. If an update violates its plan, an update "
        "without a plan runs before the next phase."
    )

    def lines(self, phase: str) -> list[str]:
        if phase == "destroy":
            return super().lines(phase)
        command, file = self._engine.program, str(self._field.folder / f"{phase}.plan")
        preview = [command, "preview", "--save-plan", file, "--stack", course.STACK, *COMMON]
        if phase == "no-op":
            return [shlex.join([*preview, "--expect-no-changes"])]
        return [shlex.join(preview), f"{line_for(phase, command, course.STACK)} --plan {shlex.quote(file)}"]

    def recover(self, phase: str) -> Script:
        return self._script(phase, super().lines(phase))


def _drive(field: Field, phase: str) -> str:
    task = field.folder / f"{phase}.json"
    what = {"kubeconfig": str(field.target.kubeconfig), "stack": course.STACK, "state": str(field.folder)}
    task.write_text(json.dumps({**what, "config": field.stack(phase).config}), encoding="utf-8")
    method = {"no-op": "preview", "destroy": "down"}.get(phase, "up")
    return shlex.join([sys.executable, "-m", "bench.drive", method, str(task)])
