"""Draws one panel from what its own queries returned. No Grafana: layout, colours and numbers as the JSON has them."""

import re
from collections.abc import Callable, Sequence
from math import isnan, nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from . import mesh, units
from .grafana import Panel

Results = dict[str, list[dict[str, Any]]]
"""The series of each query by its refId."""

PALETTE = ("#56A64B", "#E0A800", "#3D71D9", "#E0752D", "#8F3BB8", "#0A8F8F", "#C4162A", "#7A5C3E", "#5F6B7A", "#B05CC0")
COLOURS = {"green": "#2E8B3D", "orange": "#D9822B", "red": "#C4162A", "text": "#1F2933", "blue": "#3D71D9"}
COLOURS |= {"purple": "#8F3BB8", "yellow": "#E0A800"}
MUTED, FRAME, GRID = "#6B7785", "#D5DAE0", "#EDF0F3"
LEGEND_LIMIT = 6


def draw(axes: Axes, panel: Panel, results: Results, marks: Sequence[tuple[float, str]]) -> None:
    """Draw `panel` into `axes`, which is all of the panel's area; `marks` are (minute, colour) of annotations."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FRAME)
    axes.set_facecolor("white")
    width, height = axes.bbox.width, axes.bbox.height
    axes.text(
        10 / width, 1 - 9 / height, panel.title, transform=axes.transAxes, fontsize=7.8 if width < 180 else 8.5,
        fontweight="bold", color=COLOURS["text"], va="top",
    )  # fmt: skip
    kinds: dict[str, Callable[..., None]] = {"stat": _number, "timeseries": _lines, "table": _table}
    kinds[panel.model["type"]](axes, panel, results, marks)


def _number(axes: Axes, panel: Panel, results: Results, _: Sequence[tuple[float, str]]) -> None:
    defaults = panel.model["fieldConfig"]["defaults"]
    series = results["A"]
    if not series:
        axes.text(0.5, 0.42, defaults["noValue"], transform=axes.transAxes, fontsize=13, color=MUTED, ha="center")
        return
    points = [(_minute(moment), float(value)) for moment, value in series[0]["values"]]
    value = points[-1][1]
    if max(v for _, v in points) - min(v for _, v in points) < 1e-6 * abs(value):
        points = [(minute, value) for minute, _ in points]  # rounding is no course
    colour = COLOURS[_step(defaults["thresholds"]["steps"], value)]
    course = axes.inset_axes((0.0, 0.0, 1.0, 0.34))
    course.axis("off")
    course.fill_between(
        [m for m, _ in points], [v for _, v in points], min(v for _, v in points), color=colour, alpha=0.15
    )
    course.plot([m for m, _ in points], [v for _, v in points], color=colour, linewidth=1)
    course.margins(x=0, y=0.2)
    shown = units.text(value, defaults["unit"], defaults.get("decimals"))
    axes.text(0.5, 0.5, shown, transform=axes.transAxes, fontsize=17, color=colour, ha="center", va="center")


def _lines(axes: Axes, panel: Panel, results: Results, marks: Sequence[tuple[float, str]]) -> None:
    defaults = panel.model["fieldConfig"]["defaults"]
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    height, width = axes.bbox.height, axes.bbox.width
    entries = _named(panel, results)
    legend = min(len(entries), LEGEND_LIMIT + 1)
    bottom = (18 + 12.5 * legend + 16) / height
    if not entries:
        axes.text(0.5, 0.45, "No data", transform=axes.transAxes, fontsize=9, color=MUTED, ha="center")
        return
    plot = axes.inset_axes((62 / width, bottom, 1 - 82 / width, 1 - 30 / height - bottom))
    base: dict[float, float] = {}
    fixed = _fixed_colours(panel)
    lines: list[tuple[str, str, float, bool]] = []
    for number, (name, measured) in enumerate(entries):
        points = _with_gaps(measured)
        limit = name == "limit"
        colour = fixed.get(name) or PALETTE[number % len(PALETTE)]
        minutes, values = [m for m, _ in points], [v for _, v in points]
        if stacked and not limit:
            floor = [base.get(m, 0.0) for m in minutes]
            values = [v + b for v, b in zip(values, floor, strict=True)]
            base |= {m: v for m, v in zip(minutes, values, strict=True) if not isnan(v)}
            plot.fill_between(minutes, floor, values, color=colour, alpha=0.3, linewidth=0)
        style = {"linestyle": (0, (5, 4)), "linewidth": 1} if limit else {"linewidth": 1.3}
        plot.plot(minutes, values, color=colour, **style)
        lines.append((name, colour, points[-1][1], limit))
    _frame(plot, defaults)
    for minute, colour in marks:
        # Dashes of different colours in turn, so that none hides another one of the same moment.
        turn = ("blue", "purple", "orange").index(colour)
        plot.axvline(minute, color=COLOURS[colour], linewidth=0.9, linestyle=(3 * turn, (3, 6)))
    _legend(axes, lines, defaults["unit"])


def _frame(plot: Axes, defaults: dict[str, Any]) -> None:
    plot.set_xlim(0, mesh.LENGTH / 60)
    # Room above the highest line, so that it is not taken for the frame.
    highest = max(float(value) for line in plot.get_lines() for value in line.get_ydata() if not isnan(value))
    top = defaults.get("max") or (1.12 * highest if highest > 0 else 1)
    plot.set_ylim(defaults.get("min", 0), top)
    plot.set_yticks(units.ticks(top, defaults["unit"]))
    plot.xaxis.set_major_locator(MaxNLocator(6))
    plot.xaxis.set_major_formatter(FuncFormatter(lambda minute, _: f"00:{minute:02.0f}" if minute < 60 else "01:00"))
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: units.text(value, defaults["unit"])))
    plot.tick_params(labelsize=6.5, colors=MUTED, length=0, pad=4)
    plot.grid(color=GRID, linewidth=0.8)
    for spine in plot.spines.values():
        spine.set_visible(False)


def _legend(axes: Axes, lines: list[tuple[str, str, float, bool]], unit: str) -> None:
    height, width = axes.bbox.height, axes.bbox.width
    shown = lines[:LEGEND_LIMIT]
    for number, (name, colour, last, _) in enumerate(shown):
        y = (10 + 12.5 * (min(len(lines), LEGEND_LIMIT + 1) - number - 1)) / height
        axes.plot([10 / width, 22 / width], [y + 4 / height] * 2, transform=axes.transAxes, color=colour, linewidth=2)
        room = (width - 100) / 4.6
        axes.text(28 / width, y, _shorten(name, room), transform=axes.transAxes, fontsize=6.8, color=COLOURS["text"])
        value = units.text(last, unit)
        axes.text(1 - 10 / width, y, value, transform=axes.transAxes, fontsize=6.8, color=MUTED, ha="right")
    if len(lines) > LEGEND_LIMIT:
        more = f"and {len(lines) - LEGEND_LIMIT} more"
        axes.text(28 / width, 10 / height, more, transform=axes.transAxes, fontsize=6.8, color=MUTED)


def _table(axes: Axes, panel: Panel, results: Results, _: Sequence[tuple[float, str]]) -> None:
    options = panel.model["transformations"][-1]["options"]
    titles = options["renameByName"]
    order = sorted(titles, key=lambda field: options["indexByName"][field])
    keys = [field for field in order if not field.startswith("Value")]
    looks = {
        o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]}
        for o in panel.model["fieldConfig"]["overrides"]
    }
    rows = _rows(results, keys)
    sort = panel.model["options"]["sortBy"][0]["displayName"]
    (field,) = (field for field in order if titles[field] == sort)
    rows.sort(key=lambda row: -row.get(field, float("-inf")))
    height, width = axes.bbox.height, axes.bbox.width
    room = [2.6 if f in keys[:1] else 1.5 if f in keys else 1.0 for f in order]
    edges = [12 / width + (1 - 24 / width) * sum(room[:n]) / sum(room) for n in range(len(order) + 1)]
    for number, name in enumerate(order):
        _cell(axes, edges, number, 1 - 42 / height, titles[name], MUTED, right=name not in keys)
    axes.plot([8 / width, 1 - 8 / width], [1 - 49 / height] * 2, transform=axes.transAxes, color=FRAME, linewidth=0.8)
    for line, row in enumerate(rows[: int((height - 56) / 17)]):
        y = 1 - (63 + 17 * line) / height
        for number, name in enumerate(order):
            value = row.get(name)
            if name in keys:
                _cell(
                    axes,
                    edges,
                    number,
                    y,
                    str(value),
                    "#2457B3" if "links" in looks.get(titles[name], {}) else COLOURS["text"],
                )
            elif value is not None:
                look = looks[titles[name]]
                steps = look.get("thresholds", {}).get("steps")
                colour = COLOURS[_step(steps, value)] if steps else COLOURS["text"]
                _cell(axes, edges, number, y, units.text(value, look["unit"]), colour, right=True)


def _cell(
    axes: Axes, edges: list[float], number: int, y: float, text: str, colour: str, *, right: bool = False
) -> None:
    room = (edges[number + 1] - edges[number]) * axes.bbox.width / 5.0
    x, side = (edges[number + 1] - 0.004, "right") if right else (edges[number], "left")
    axes.text(x, y, _shorten(text, room), transform=axes.transAxes, fontsize=7.2, color=colour, ha=side)


def _rows(results: Results, keys: list[str]) -> list[dict[str, Any]]:
    """The queries of a table joined on its keys, as the transformation `merge` does it."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for ref, series in results.items():
        for entry in series:
            key = tuple(entry["metric"].get(label, "") for label in keys)
            row = rows.setdefault(key, dict(zip(keys, key, strict=True)))
            row["Value" if len(results) == 1 else f"Value #{ref}"] = float(entry["value"][1])
    return list(rows.values())


def _named(panel: Panel, results: Results) -> list[tuple[str, list[tuple[float, float]]]]:
    """Each line with its name in the legend; points that are not a number are left out, as Grafana leaves a gap."""
    named: list[tuple[str, list[tuple[float, float]]]] = []
    for query in panel.queries:
        for entry in results[query.ref]:
            name = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda m, e=entry: e["metric"].get(m[1], ""), query.legend)
            points = [(_minute(moment), float(value)) for moment, value in entry["values"] if value != "NaN"]
            if points:
                named.append((name, points))
    return named


def _with_gaps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """With a point that is not a number where one is missing: nothing is drawn across."""
    filled: list[tuple[float, float]] = []
    for minute, value in points:
        if filled and minute - filled[-1][0] > 1.5 * mesh.STEP / 60:
            filled.append(((filled[-1][0] + minute) / 2, nan))
        filled.append((minute, value))
    return filled


def _fixed_colours(panel: Panel) -> dict[str, str]:
    """Colours that the panel gives to lines by name."""
    found: dict[str, str] = {}
    for override in panel.model["fieldConfig"]["overrides"]:
        for entry in override["properties"]:
            if entry["id"] == "color":
                found[override["matcher"]["options"]] = COLOURS[entry["value"]["fixedColor"]]
    return found


def _step(steps: list[dict[str, Any]], value: float) -> str:
    """The colour of a value by its thresholds."""
    return [step for step in steps if step["value"] is None or value >= step["value"]][-1]["color"]


def _minute(moment: float) -> float:
    return (moment - mesh.START) / 60


def _shorten(text: str, room: float) -> str:
    return text if len(text) <= room else text[: max(1, int(room) - 1)] + "…"
