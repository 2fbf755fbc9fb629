"""What the engine spends its own CPU time on: by the profile that it writes itself, read by Go's own tool."""

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from base import process
from meshlab.engine.driver import EngineDriver

from . import course
from .field import Field
from .tools.engine import line_for

UP_SECONDS = 600.0
READ_SECONDS = 120.0
PARTS: Mapping[str, str] = {
    "writing the whole state at each step": r"SnapshotManager.*saveSnapshot",
    "its log of every property, which it always keeps": r"PropertySinkHandler.*Handle",
    "a key from the passphrase": r"pbkdf2",
}
"""What is of interest, by the functions in whose name the time was spent. Where they overlap, both have it."""
_HEADER = re.compile(r"accounting for ([\d.]+)(m?s)?, .* of ([\d.]+)(m?s)? total")


def engine_profile(driver: EngineDriver, field: Field, phase: str) -> dict[str, float]:
    """CPU seconds of the engine's own process in a phase, as `all` and by part; empty where no Go can read it."""
    if shutil.which("go") is None:
        return {}
    workspace = driver.stack.workspace
    command = workspace.pulumi_command.command
    prefix = field.folder / f"profile-{phase}"
    line = [*shlex.split(line_for(phase, command, course.STACK)), "--profiling", str(prefix)]
    process.run(line, timeout=UP_SECONDS, cwd=Path(workspace.work_dir), env=workspace.env_vars)
    (profile,) = field.folder.glob(f"{prefix.name}.*.cpu")
    found: dict[str, float] = {}
    for part, functions in PARTS.items():
        reading = ["go", "tool", "pprof", "-top", f"-focus={functions}", command, str(profile)]
        found[part], found["all"] = seconds_of(process.run(reading, timeout=READ_SECONDS).stdout)
    return found


def seconds_of(report: str) -> tuple[float, float]:
    """Seconds in focus and of the whole profile, by the head of pprof's report. Raises ValueError where it has none."""
    head = _HEADER.search(report)
    if head is None:
        raise ValueError(f"pprof: expected `accounting for ... of ... total`, got {report[:200]!r}")
    focus, unit, whole, whole_unit = head.groups()
    return _seconds(focus, unit), _seconds(whole, whole_unit)


def _seconds(number: str, unit: str | None) -> float:
    return float(number) / (1000 if unit == "ms" else 1)
