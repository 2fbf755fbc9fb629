"""What a larger lab costs: for each size the program, the engine's no-op preview, and the state that it keeps."""

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from base.say import Say
from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import find_engine
from meshlab.recording.recorder import ROOT
from meshlab.stack import Stack

from .course import STACK, overlay
from .field import Field, fresh_field
from .larger import DIMENSIONS, Dimension, tree_with, workloads
from .measure import Usage, measured
from .program import recorded
from .tools.engine import line_for

APPLY_LIMIT_SECONDS = 600.0
UNMEASURED = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""For an `up` that only makes what is measured after it: the engine keeps its state once, at the end. Otherwise it
writes the whole of it after each resource: the first third of a thousand monitors and dashboards takes six minutes."""


def measure(charts: Path, repetitions: int, names: Collection[str], engine: bool, say: Say) -> dict[str, Any]:
    """The named dimensions' points; without an engine, what the program alone shows."""
    points: list[dict[str, Any]] = []
    for dimension in (dimension for dimension in DIMENSIONS if dimension.name in names):
        points += _with_engine(dimension, charts, repetitions, say) if engine else _alone(dimension, repetitions, say)
    return {"repetitions": repetitions, "engine": engine, "points": points}


def _alone(dimension: Dimension, repetitions: int, say: Say) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    for value in dimension.values:
        with _tree(dimension, value) as project:
            points.append(_recorded(dimension, value, project, repetitions))
        _tell(points[-1], say)
    return points


def _with_engine(dimension: Dimension, charts: Path, repetitions: int, say: Say) -> list[dict[str, Any]]:
    """All sizes of a dimension on one cluster, from small to large: what is there already need not be made again."""
    points: list[dict[str, Any]] = []
    with fresh_field(charts, lambda line: None) as field:
        for value in dimension.values:
            if dimension.name == "namespaces":
                field.cluster.kubectl(
                    "apply", "--server-side", "-f", "-", stdin=workloads(value), timeout=APPLY_LIMIT_SECONDS
                )
            with _tree(dimension, value) as project:
                point = _recorded(dimension, value, project, repetitions)
                points.append(point | _previewed(field, dimension, value, project, repetitions))
            _tell(points[-1], say)
    return points


@contextmanager
def _tree(dimension: Dimension, value: int) -> Generator[Path]:
    if not dimension.copies:
        yield ROOT
        return
    with TemporaryDirectory(prefix="meshlab-bench-") as folder:
        yield tree_with(value, Path(folder))


def _recorded(dimension: Dimension, value: int, project: Path, repetitions: int) -> dict[str, Any]:
    over = {f"meshlab:{section}": values for section, values in dimension.overlay(value).items()}
    runs = [recorded(project, over) for _ in range(repetitions)]
    return {
        "dimension": dimension.name,
        "value": value,
        "resources": runs[0]["resources"],
        "program_seconds": [run["seconds"] for run in runs],
        "program_cpu_seconds": [run["cpu_seconds"] for run in runs],
        "program_memory_bytes": [run["memory_bytes"] for run in runs],
    }


def _previewed(field: Field, dimension: Dimension, value: int, project: Path, repetitions: int) -> dict[str, Any]:
    over = {**overlay("up"), **dimension.overlay(value)}
    stack = Stack.load(STACK, charts=str(field.charts), overlay=over)
    engine = find_engine(field.say)
    _lead_to(project, field.folder)
    driver = EngineDriver(engine, field.target, stack, field.say, state=field.folder)
    workspace = driver.stack.workspace

    def run(phase: str, env: Mapping[str, str]) -> Usage:
        line = line_for(phase, engine.program, STACK)
        return measured(["/bin/sh", "-c", line], cwd=Path(workspace.work_dir), env={**workspace.env_vars, **env})

    run("up", UNMEASURED)
    previews = [run("no-op", {}) for _ in range(repetitions)]
    state = next((field.folder / "pulumi").rglob(f"{STACK}.json"))
    return {
        "preview_seconds": [usage.seconds for usage in previews],
        "preview_cpu_seconds": [usage.cpu_seconds for usage in previews],
        "preview_memory_bytes": [usage.memory_bytes for usage in previews],
        "state_bytes": state.stat().st_size,
    }


def _lead_to(project: Path, state: Path) -> None:
    """Make the project folder that the driver writes lead to the program of `project`."""
    program = state / "stacks" / STACK / "program"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.unlink(missing_ok=True)
    program.symlink_to(project)


def _tell(point: dict[str, Any], say: Say) -> None:
    seconds = min(point["program_seconds"])
    previewed = f", preview {min(point['preview_seconds']):.1f} s" if "preview_seconds" in point else ""
    say(f"{point['dimension']} {point['value']}: {point['resources']} resources, program {seconds:.2f} s{previewed}")
