"""A Pulumi program without a resource: what the engine and Python cost by themselves."""

from meshlab import process
from meshlab.engine import engine_environment, find_command
from meshlab.recorder import ROOT

from ..field import Field
from .engine import COMMON, EngineTool, line_for
from .tool import Script

_PHASES = ("up", "no-op", "destroy")
_STACK = "empty"
_PROJECT = """\
name: empty
runtime:
  name: python
  options: {{toolchain: pip, virtualenv: {virtualenv}}}
"""


class Empty(EngineTool):
    """The floor under every figure of the engine."""

    name, label = "empty", "empty program"
    note = "A program that imports pulumi and declares nothing, by the pulumi command: the engine's own share."

    def __init__(self, field: Field) -> None:
        self._command = find_command(field.say).command
        self._folder = field.folder / "empty"
        self._folder.mkdir()
        (self._folder / "Pulumi.yaml").write_text(_PROJECT.format(virtualenv=ROOT / ".venv"), encoding="utf-8")
        (self._folder / "__main__.py").write_text("import pulumi  # noqa: F401\n", encoding="utf-8")
        self._env = {**engine_environment(field.folder), "PULUMI_CONFIG_PASSPHRASE": "nothing to keep"}
        process.run([self._command, "stack", "init", _STACK, *COMMON], timeout=120, cwd=self._folder, env=self._env)

    def script(self, phase: str) -> Script | None:
        if phase not in _PHASES:
            return None
        return Script([line_for(phase, self._command, _STACK)], env=self._env, cwd=self._folder)
