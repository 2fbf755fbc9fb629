"""docs/performance.md, from the results alone."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from meshlab.recording.recorder import ROOT

from .charts import STAND_IN
from .course import PHASES
from .figures import Line, Spread
from .first_run import RUNS
from .larger import DIMENSIONS, Dimension
from .program import MEASURES
from .targets import MEGABYTE, Limit, of_comparison, of_first_run, of_program, spreads
from .tools import TOOLS

FILE = ROOT / "docs" / "performance.md"
_TEMPLATE = "performance.md.j2"
LINEAR, FLAT = 0.95, 0.2
"""From which R² on growth counts as linear, and up to which share of the smallest size it counts as none."""
_GROWING = {
    "program_seconds": ("program (s)", 1.0, 2),
    "program_memory_bytes": ("program (MB)", MEGABYTE, 1),
    "preview_seconds": ("no-op preview (s)", 1.0, 2),
    "preview_memory_bytes": ("memory of its tree (MB)", MEGABYTE, 1),
    "state_bytes": ("state (kB)", 1e3, 1),
}
"""What is shown of a point of growth: its title, what a unit of that is, and its decimals."""


def page_of(results: dict[str, Any]) -> str:
    """The page. A part that was never measured has a note."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    comparison, program, growth = (results.get(part) for part in ("comparison", "program", "growth"))
    first_run = results.get("first-run")
    return environment.get_template(_TEMPLATE).render(
        comparison=comparison,
        program=program,
        growth=growth,
        machines={part: machine_of(found) for part, found in results.items()},
        targets=_targets(
            [
                *(of_comparison(comparison) if comparison else []),
                *(of_program(program) if program else []),
                *(of_first_run(first_run) if first_run else []),
            ]
        ),
        phases=PHASES,
        tools=TOOLS,
        tables=_comparison_tables(comparison) if comparison else {},
        where=results.get("where") or {"repetitions": 0},
        chain_table=_chain_table(results.get("where")),
        cpu_table=_cpu_table(results.get("where"), "cpu", "process"),
        engine_table=_cpu_table(results.get("where"), "engine", "of that"),
        program_table=_program_table(program) if program else "",
        growth_tables=[(dimension.unit, _growth_table(dimension, growth)) for dimension in DIMENSIONS]
        if growth
        else [],
        first_run=first_run,
        first_run_table=_first_run_table(first_run) if first_run else "",
        builds_table=_builds_table(first_run) if first_run else "",
        minutes=_minutes(comparison) if comparison else None,
        failures=[run for run in comparison["runs"] if "failed" in run] if comparison else [],
    )


def machine_of(part: dict[str, Any]) -> str:
    """A table of where, when, how often and with which charts a part was measured."""
    machine = part["machine"]
    versions = {"Python": machine["python"], **dict(sorted(part.get("versions", {}).items()))}
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB"
    charts = "stand-in charts, which differ from the real ones" if part["charts"] == STAND_IN else "the real charts"
    rows = [
        ["date", machine["date"]],
        ["repetitions", str(part["repetitions"])],
        ["machine", f"{machine['cores']} cores ({machine['processor']}), {memory}, {machine['system']}"],
        ["load before", f"{machine['load_before']:.2f}"],
        ["programs", ", ".join(f"{name} {version}" for name, version in versions.items())],
        ["charts", charts + (f": {', '.join(part['packages'])}" if "packages" in part else "")],
    ]
    lines = [["measured", ""], ["---", "---"], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _minutes(comparison: dict[str, Any]) -> str:
    """How long the phases of all tools take, once each."""
    seconds = sum(spread.median for spread in spreads(comparison, "seconds").values())
    return f"{seconds / 60:.0f}"


def _targets(targets: Iterable[Limit]) -> str:
    rows = [
        [
            target.what,
            f"{target.limit:g} {target.unit}",
            f"{target.found:.2f} {target.unit}",
            "met" if target.met else "**not met**",
        ]
        for target in targets
    ]
    return _table(["target", "at most", "median", ""], rows)


def _comparison_tables(comparison: dict[str, Any]) -> dict[str, str]:
    contents = cast(dict[str, dict[str, int]], comparison["contents"])
    kinds = list(next(iter(contents.values()))) if contents else []
    return {
        "seconds": _by_phase(comparison, "seconds", _spread),
        "cpu": _by_phase(comparison, "cpu_seconds", lambda spread: f"{spread.median:.1f}"),
        "memory": _by_phase(comparison, "memory_bytes", lambda spread: f"{spread.median / MEGABYTE:.0f}"),
        "contents": _table(
            ["created by `up`", *(TOOLS[tool].label for tool in contents)],
            [[kind, *(str(counts[kind]) for counts in contents.values())] for kind in kinds],
        ),
    }


def _by_phase(comparison: dict[str, Any], field: str, shown: Callable[[Spread], str]) -> str:
    found = spreads(comparison, field)
    tools = [name for name in TOOLS if any(tool == name for tool, _ in found)]
    rows = [
        [TOOLS[name].label, *(shown(found[name, phase]) if (name, phase) in found else "" for phase in PHASES)]
        for name in tools
    ]
    return _table(["", *PHASES], rows)


def _program_table(program: dict[str, Any]) -> str:
    rows: list[list[str]] = []
    for name, what in MEASURES.items():
        runs = [run for run in program["runs"] if run["measure"] == name]
        seconds, cpu, memory = (
            Spread.of([run[field] for run in runs]) for field in ("seconds", "cpu_seconds", "memory_bytes")
        )
        rows.append([what, _spread(seconds, 2), f"{cpu.median:.2f}", f"{memory.median / MEGABYTE:.0f}"])
    return _table(["", "seconds", "CPU seconds", "memory, MB"], rows)


def _first_run_table(first_run: dict[str, Any]) -> str:
    rows = [
        [
            RUNS[run["run"]],
            *(f"{run[field]:.0f}" for field in ("setup_seconds", "first_resource_seconds", "seconds")),
            f"{run['cpu_seconds'] / 60:.1f}",
        ]
        for run in first_run["runs"]
    ]
    return _table(["", "to meshlab's first line, s", "to the first resource, s", "to the end, s", "CPU minutes"], rows)


def _builds_table(first_run: dict[str, Any]) -> str:
    """What each build cost in the run that built most, in its order; empty where none did."""
    runs: list[dict[str, Any]] = first_run["runs"]
    builds: list[dict[str, Any]] = max((run["builds"] for run in runs), key=len)
    if not builds:
        return ""
    rows = [
        [", ".join(build["programs"]), f"{build['seconds']:.0f}", f"{build['cpu_seconds']:.0f}"] for build in builds
    ]
    total = sum(build["cpu_seconds"] for build in builds)
    return _table(["built, in this order", "seconds", "CPU seconds"], [*rows, ["**all**", "", f"**{total:.0f}**"]])


def _chain_table(where: dict[str, Any] | None) -> str:
    """The chain of resources that decided an `up`, in the order of time."""
    if not where or not where["repetitions"]:
        return ""
    links = cast(list[dict[str, Any]], where["chain"])
    rows = [[link["resource"], f"{link['gap']:.1f}", f"{link['own']:.1f}", f"{link['ended']:.1f}"] for link in links]
    return _table(["resource", "wait before it, s", "duration, s", "done at, s"], rows)


def _cpu_table(where: dict[str, Any] | None, part: str, what: str) -> str:
    """CPU seconds of `up` and of the no-op, a row for each `what`; empty where there are none."""
    if not where or not where["repetitions"]:
        return ""
    phases = cast(dict[str, dict[str, float]], where[part])
    rows = [
        [name, *(f"{phases[phase].get(name, 0.0):.2f}" for phase in ("up", "no-op"))]
        for name in dict.fromkeys(name for phase in phases.values() for name in phase)
    ]
    return _table([what, "up", "no-op"], rows) if rows else ""


def _growth_table(dimension: Dimension, growth: dict[str, Any]) -> str:
    """One row a size, with medians; then the slope for each unit, and how well a line fits."""
    points = [point for point in growth["points"] if point["dimension"] == dimension.name]
    fields = [field for field in _GROWING if points and all(field in point for point in points)]
    columns = {field: [_median(point[field]) / _GROWING[field][1] for point in points] for field in fields}
    rows = [
        [str(point["value"]), str(point["resources"]), *(f"{columns[f][at]:.{_GROWING[f][2]}f}" for f in fields)]
        for at, point in enumerate(points)
    ]
    x = [float(point["value"]) for point in points]
    verdict = ""
    if len(set(x)) > 1:
        lines = {field: Line.through(x, columns[field]) for field in fields}
        verdict = _verdict({_GROWING[f][0]: _kind(lines[f], x, columns[f]) for f in fields})
        rows.append(["**for each one more**", "", *(f"**{lines[field].slope:.4f}**" for field in fields)])
        rows.append(["R²", "", *(f"{lines[field].r_squared:.3f}" for field in fields)])
    table = _table(["number", "resources", *(_GROWING[field][0] for field in fields)], rows)
    return f"{table}\n\n{verdict}".rstrip()


def _kind(line: Line, x: Sequence[float], y: Sequence[float]) -> str:
    """What the points show: `flat`, `linear`, or `unclear`."""
    if abs(line.slope) * (max(x) - min(x)) < FLAT * min(y):
        return "flat"
    return "linear" if line.r_squared >= LINEAR else "unclear"


def _verdict(kinds: dict[str, str]) -> str:
    """The columns by what they show, in one line."""
    told = {
        "linear": f"Linear (R² of {LINEAR} or more)",
        "flat": f"almost constant (less than {FLAT:.0%} from first to last)",
        "unclear": "unclear in these runs",
    }
    parts = {what: [column for column, kind in kinds.items() if kind == what] for what in told}
    text = "; ".join(f"{told[what]}: {', '.join(columns)}" for what, columns in parts.items() if columns)
    return f"{text[:1].upper()}{text[1:]}."


def _median(value: Any) -> float:
    return Spread.of(cast(list[float], value)).median if isinstance(value, list) else float(value)


def _spread(spread: Spread, decimals: int = 1) -> str:
    return f"{spread.low:.{decimals}f} / **{spread.median:.{decimals}f}** / {spread.high:.{decimals}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
