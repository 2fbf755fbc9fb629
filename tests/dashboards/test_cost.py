"""What the mesh dashboard costs in a mesh of 200 services in three versions, with the recording rules and without.

What is asserted is what other work on the machine does not change: samples read, and seconds of CPU. The seconds that
the answers took are printed beside them, for both.
"""

import json
from collections.abc import Iterator

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.src import mesh as source
from dashboards.src.queries import Raw
from tests.dashboards import big_mesh, mesh, series
from tests.dashboards.grafana import BUILT_IN, Dashboard, Panel, interpolate
from tests.dashboards.prometheus import Cost, Prometheus, tools
from tests.dashboards.promql import asked
from tests.dashboards.recorded import RECORDED, recording_rules

EVERYTHING = {"namespace": ".*", "revision": ".*"}
WINDOW = "5m"
"""The window of the recording rules: the raw dashboard asks for the same numbers."""
HEAD = (
    f"| {'panel':28} | with rules: samples |   CPU | seconds | without: samples |   CPU | seconds |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
)
"""The table is printed as docs/dashboards/README.md has it."""
LIMIT = 1.0
"""Seconds of CPU that a panel of the dashboard may take; the slowest takes a quarter of that on a small machine."""


def dashboard(recorded: bool) -> Dashboard:
    """The mesh dashboard as it is, or as it would be without recording rules."""
    built = source.build() if recorded else source.build(Raw(WINDOW), Raw(WINDOW))
    return Dashboard(json.loads(json.dumps(built, cls=JSONEncoder)))


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the big mesh, and what the mesh dashboard reads of the recording rules."""
    tools()
    folder = tmp_path_factory.mktemp("big-mesh")
    prometheus = Prometheus(folder)
    samples = folder / "samples.om"
    with samples.open("w", buffering=1 << 20) as file:
        series.write(big_mesh.everything(), file, mesh.START, big_mesh.LENGTH, big_mesh.STEP)
    prometheus.backfill(samples)
    samples.unlink()
    with prometheus:
        needed = _needed(dashboard(recorded=True))
        rules = [rule for rule in recording_rules() if rule["record"] in needed]
        prometheus.record(rules, mesh.START, mesh.END, big_mesh.STEP)
        yield prometheus


def test_each_panel_answers_within_a_second_and_the_rules_change_no_number(
    big: Prometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = list(zip(dashboard(recorded=True).panels, dashboard(recorded=False).panels, strict=True))
    lines = []
    total = {True: Cost(), False: Cost()}
    for with_rules, without in pairs:
        assert with_rules.title == without.title
        cost, raw = _cost(big, with_rules), _cost(big, without)
        total = {True: total[True] + cost, False: total[False] + raw}
        lines.append(_line(with_rules.title, cost, raw))
        assert cost.cpu < LIMIT, with_rules.title
        if _reads_rates(with_rules):
            assert cost.samples * 2 <= raw.samples, with_rules.title
        assert _numbers(big, with_rules) == pytest.approx(_numbers(big, without), rel=1e-6, nan_ok=True)
    lines.append(_line("whole dashboard", total[True], total[False]))
    with capsys.disabled():
        print("", *HEAD, *lines, sep="\n")
    assert total[True].samples * 10 < total[False].samples


def _line(title: str, recorded: Cost, raw: Cost) -> str:
    parts = (f"{cost.samples:>10,} | {cost.cpu:>5.2f} | {cost.seconds:>7.2f}" for cost in (recorded, raw))
    return f"| {title:28} | " + " | ".join(parts) + " |"


def _cost(prometheus: Prometheus, panel: Panel) -> Cost:
    cost = Cost()
    for query in panel.queries:
        expression = interpolate(query.expression, EVERYTHING)
        start = mesh.END if query.instant else mesh.START
        cost += prometheus.cost(expression, start, mesh.END, big_mesh.STEP)
    return cost


def _numbers(prometheus: Prometheus, panel: Panel) -> list[float]:
    """What the panel shows at the end of the hour, in an order that does not depend on where it was read."""
    shown: list[tuple[str, float]] = []
    for query in panel.queries:
        for entry in prometheus.query(interpolate(query.expression, EVERYTHING), mesh.END):
            labels = {key: value for key, value in entry["metric"].items() if key != "__name__"}
            shown.append((query.ref + json.dumps(labels, sort_keys=True), float(entry["value"][1])))
    return [value for _, value in sorted(shown)]


def _reads_rates(panel: Panel) -> bool:
    """Whether a panel reads what the recording rules make of requests and bytes."""
    return any(":rate5m" in query.expression for query in panel.queries)


def _needed(board: Dashboard) -> set[str]:
    """The recording rules that a dashboard reads, and those that they read."""
    wanted: set[str] = set()
    waiting = {metric for panel in board.panels for query in panel.queries for metric in _metrics(query.expression)}
    while waiting:
        metric = waiting.pop()
        if metric in RECORDED and metric not in wanted:
            wanted.add(metric)
            waiting |= RECORDED[metric].metrics
    return wanted


def _metrics(expression: str) -> set[str]:
    return asked(interpolate(expression, EVERYTHING | BUILT_IN)).metrics
