"""How a panel looks: one function a kind of panel, one place for units, colours and thresholds.

Every panel takes its title, a description that says what to do when it is red, and its unit: there is no panel without.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from settings.alert_rules import AlertThresholds

LIMITS = AlertThresholds()
"""Colours change where the alerts' defaults stand. A dashed line `limit` shows the threshold really in force."""

GREEN, ORANGE, RED, NEUTRAL = "green", "orange", "red", "text"
BY_RESPONSE = {"2xx": GREEN, "3xx": "blue", "4xx": "yellow", "5xx": RED, "no response": "purple"}
"""Colours of lines that stand for a class of status codes."""

RATIO = units.PercentUnit
REQUESTS = units.RequestsPerSecond
BYTES = units.BytesIEC
BYTE_RATE = units.BytesPerSecondIEC
MILLISECONDS = units.Milliseconds
SECONDS = units.Seconds
COUNT = units.Short
PER_SECOND = units.CountsPerSecond
CORES = "cores"
NO_UNIT = units.NoUnit

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

Steps = Sequence[tuple[float | None, str]]
"""Thresholds from low to high: (value from which the colour holds, colour); the first value is None."""

PLAIN: Steps = [(None, NEUTRAL)]
UP_IS_GOOD: Steps = [(None, RED), (1, GREEN)]
NONE_IS_GOOD: Steps = [(None, GREEN), (1, RED)]
FAILED_RATIO: Steps = [(None, GREEN), (LIMITS.error_budget_ratio, ORANGE), (5 * LIMITS.error_budget_ratio, RED)]
SUCCESS_RATIO: Steps = [
    (None, RED),
    (1 - 5 * LIMITS.error_budget_ratio, ORANGE),
    (1 - LIMITS.error_budget_ratio, GREEN),
]
LATENCY: Steps = [
    (None, GREEN),
    (LIMITS.latency_target_milliseconds / 2, ORANGE),
    (LIMITS.latency_target_milliseconds, RED),
]
FULL_RATIO: Steps = [(None, RED), (0.9, ORANGE), (1, GREEN)]


@dataclass(frozen=True)
class Query:
    """One line (or one family of lines) of a time series panel."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Column:
    """One number column of a table: `expression` must give one value for each combination of the table's keys."""

    title: str
    expression: str
    unit: str
    steps: Steps = field(default_factory=lambda: PLAIN)


@dataclass(frozen=True)
class Key:
    """One label column of a table, with an optional link (title, address) on its cells."""

    label: str
    title: str
    links: Sequence[tuple[str, str]] = ()


def number(
    title: str,
    description: str,
    expression: str,
    unit: str,
    steps: Steps = PLAIN,
    *,
    width: int = 3,
    decimals: int | None = None,
    none: str = "no data",
) -> stat.Panel:
    """One big number with its course behind it; its colour says whether it is well."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .height(4)
        .span(width)
        .with_target(_range(expression, title, "A"))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(kinds.BigValueColorMode.VALUE)
        .graph_mode(kinds.BigValueGraphMode.AREA)
        .no_value(none)
        .thresholds(thresholds(steps))
    )
    return panel.decimals(decimals) if decimals is not None else panel


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    *,
    width: int = 8,
    stacked: bool = False,
    limit: str | None = None,
    top: float | None = None,
    colours: Mapping[str, str] | None = None,
) -> timeseries.Panel:
    """Time series from 0 up.

    `limit` is an expression drawn as a dashed red line, `top` the end of the axis, `colours` those of lines by name.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .height(8)
        .span(width)
        .line_width(1)
        .fill_opacity(25 if stacked else 8)
        .show_points(kinds.VisibilityMode.NEVER)
        .span_nulls(False)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(kinds.LegendDisplayMode.TABLE)
            .placement(kinds.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if top is not None:
        panel = panel.max(top)
    for position, query in enumerate(queries):
        panel = panel.with_target(_range(query.expression, query.legend, _ref(position)))
    for name, colour in (colours or {}).items():
        panel = panel.override_by_name(name, [_fixed(colour)])
    if limit is not None:
        panel = panel.with_target(_range(limit, "limit", _ref(len(queries)))).override_by_name("limit", _LIMIT_LOOK)
    return panel


def grid(
    title: str,
    description: str,
    keys: Sequence[Key],
    columns: Sequence[Column],
    *,
    sort: str,
    width: int = 24,
    height: int = 8,
) -> table.Panel:
    """A table of what is so now: one row for each combination of `keys`, worst `sort` column first."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(NO_UNIT)
        .height(height)
        .span(width)
        .show_header(True)
        .sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    )
    renamed = {key.label: key.title for key in keys}
    hidden = {"Time": True}
    order = {key.label: position for position, key in enumerate(keys)}
    for position, column in enumerate(columns):
        ref = _ref(position)
        panel = panel.with_target(_instant(column.expression, ref))
        value = "Value" if len(columns) == 1 else f"Value #{ref}"
        renamed[value] = column.title
        order[value] = len(keys) + position
        panel = panel.override_by_name(column.title, _column_look(column))
    for key in keys:
        if key.links:
            panel = panel.override_by_name(key.title, [models.DynamicConfigValue("links", _cell_links(key.links))])
    # `merge` joins the queries on their labels; `organize` puts names and order right.
    return panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={})).with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": hidden, "indexByName": order, "renameByName": renamed},
        )
    )


def thresholds(steps: Steps) -> builders.ThresholdsConfig:
    """Absolute thresholds as the SDK wants them."""
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in steps])
    )


def _fixed(colour: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


_LIMIT_LOOK = [
    _fixed(RED),
    models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
    models.DynamicConfigValue("custom.fillOpacity", 0),
    models.DynamicConfigValue("custom.stacking", {"mode": "none", "group": "limit"}),
]


def _column_look(column: Column) -> list[models.DynamicConfigValue]:
    look = [models.DynamicConfigValue("unit", column.unit)]
    if column.steps is not PLAIN:
        look.append(models.DynamicConfigValue("thresholds", thresholds(column.steps).build().to_json()))
        # `custom.cellOptions` since Grafana 9.5, `custom.displayMode` before; each ignores the other's.
        look.append(models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
        look.append(models.DynamicConfigValue("custom.displayMode", "color-text"))
    return look


def _cell_links(links: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    return [{"title": title, "url": url, "targetBlank": url.startswith("$")} for title, url in links]


def _range(expression: str, legend: str, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATASOURCE).expr(expression).legend_format(legend).ref_id(ref).range()


def _instant(expression: str, ref: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().datasource(DATASOURCE).expr(expression).ref_id(ref).instant()
    return query.format(PromQueryFormat.TABLE)


def _ref(position: int) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[position]
