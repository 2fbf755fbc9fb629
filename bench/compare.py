"""Runs the comparison: every tool through every phase, as often as wanted, in turns so that all share the noise."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pulumi.automation import CommandError

from base.errors import MeshlabError
from base.say import Say
from embedded.tools import pins

from .charts import versions as packages
from .contents import count
from .course import PHASES
from .field import fresh_field
from .measure import MeasuredError, Usage, measured
from .tools import TOOLS, MeasuredTool, ToolAbsentError
from .tools.tool import Script

REASON_LIMIT = 170
"""Characters of an error that are kept."""


@dataclass(frozen=True)
class Measurements:
    """What came out, as it is kept."""

    repetitions: int
    versions: dict[str, str]
    """By program."""
    packages: list[str]
    """Name and version of each chart."""
    missing: dict[str, str]
    """Why a tool was left out, by its name."""
    runs: list[dict[str, Any]]
    """One for each tool, phase and repetition: seconds, cpu_seconds and memory_bytes, or `failed` with the reason."""
    contents: dict[str, dict[str, int]]
    """What a tool has brought at the end of its first `up`: number of objects by kind, by tool."""


def compare(charts: Path, repetitions: int, names: Collection[str], say: Say) -> Measurements:
    """Measure the named tools. Raises MeshlabError where there can be no cluster; a phase that fails is a result."""
    versions = {"kube-apiserver": pins.table()["kube-apiserver"].release.removeprefix("v")}
    found = Measurements(repetitions, versions, packages(), {}, [], {})
    present: list[type[MeasuredTool]] = []
    for tool in (TOOLS[name] for name in TOOLS if name in names):
        try:
            found.versions.update(tool.ensure())
            present.append(tool)
        except ToolAbsentError as reason:
            found.missing[tool.name] = str(reason)
            say(f"{tool.label}: left out: {reason}")
    for repetition in range(repetitions):
        for tool in present:
            _run(tool, repetition, charts, found, say)
    return found


def _run(tool: type[MeasuredTool], repetition: int, charts: Path, found: Measurements, say: Say) -> None:
    """All phases of one tool on one cluster. After a failed phase, the next is tried only where the tool recovers."""
    phase = "up"

    def keep(**result: Any) -> None:
        found.runs.append({"tool": tool.name, "phase": phase, "repetition": repetition, **result})
        told = result.get("failed") or "{seconds:.1f} s, {cpu_seconds:.1f} s CPU, {memory_bytes:,} B".format(**result)
        say(f"{repetition + 1} {tool.label}: {phase}: {told}")

    try:
        with fresh_field(charts, lambda line: None) as field:
            worker = tool(field)
            before = count(field.cluster)
            for phase in PHASES:
                script = worker.script(phase)
                if script is None:
                    continue
                try:
                    keep(**asdict(_measured(script)))
                except MeasuredError as error:
                    other = worker.recover(phase)
                    if other is None:
                        raise
                    keep(failed=_line(error))
                    _measured(other)
                if phase == "up" and repetition == 0:
                    now = count(field.cluster)
                    found.contents[tool.name] = {kind: number - before[kind] for kind, number in now.items()}
    except (MeasuredError, MeshlabError, CommandError) as error:
        keep(failed=_line(error))


def _measured(script: Script) -> Usage:
    return measured(shell(script), cwd=script.cwd, env=script.env)


def _line(error: Exception) -> str:
    """The error's last line, since the engine's has its whole output; cut, since some show what an object holds."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:REASON_LIMIT] if lines else type(error).__name__


def shell(script: Script) -> list[str]:
    """The command that runs a script's lines up to the first that fails."""
    # With `&&` and not `set -e`, which says nothing of what fails inside braces before a `&&`.
    return ["/bin/sh", "-c", " &&\n".join(script.lines)]
