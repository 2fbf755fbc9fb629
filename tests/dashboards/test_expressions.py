"""Every expression is PromQL, and asks for metrics and labels that exist."""

import re
from pathlib import Path

import pytest
import yaml

from tests.dashboards.catalogue import catalogue, shipped_with_istio
from tests.dashboards.grafana import NAMES, Dashboard, defaults, interpolate
from tests.dashboards.prometheus import promtool, tools
from tests.dashboards.promql import asked
from tests.dashboards.recorded import RECORDED, labels_of, recording_rules

EXPRESSIONS = [
    (f"{name}: {place}", interpolate(expression, defaults(Dashboard.of(name))))
    for name in NAMES
    for place, expression in Dashboard.of(name).expressions()
] + [(f"rule {rule['record']}", rule["expr"]) for rule in recording_rules()]


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS, ids=[place for place, _ in EXPRESSIONS])
def test_an_expression_parses_and_asks_for_known_metrics_and_labels(place: str, expression: str) -> None:
    found = asked(expression)
    unknown = {metric for metric in found.metrics if metric not in catalogue() and metric not in RECORDED}
    assert unknown == set(), place
    available = set(found.made)
    for metric, matchers in found.selectors:
        assert set(matchers) <= labels_of(metric), f"{place}: {metric}"
        available |= labels_of(metric)
    assert found.grouped_by <= available, place


def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    """Another parser than ours: Prometheus' own, which also checks types."""
    tools()
    rules = [
        {"record": f"dashboard:expression:{number}", "expr": expression, "labels": {"place": place}}
        for number, (place, expression) in enumerate(EXPRESSIONS)
    ]
    (tmp_path / "expressions.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    assert f"{len(EXPRESSIONS)} rules found" in promtool("check", "rules", tmp_path / "expressions.yml")


@pytest.mark.parametrize("version", sorted(shipped_with_istio()))
def test_the_dashboards_cover_every_metric_that_istio_s_own_cover(version: str) -> None:
    used = {
        metric
        for name in NAMES
        for _, expression in Dashboard.of(name).expressions()
        for metric in asked(interpolate(expression, defaults(Dashboard.of(name)))).metrics
    }
    # Through a recording rule is covered too.
    for metric in list(used):
        used |= _sources(metric)
    assert shipped_with_istio()[version] - used == set()


def test_a_metric_that_only_one_version_exposes_never_stands_alone_in_a_sum() -> None:
    """A binary operator with a metric that a version lacks would be empty there: `a + b` where `or` was meant."""
    only_one = {name for name, metric in catalogue().items() if len(metric.versions) == 1}
    for place, expression in EXPRESSIONS:
        if asked(expression).metrics & only_one:
            assert not re.search(r"[)\]}] [-+*/] [(a-z]", re.sub(r'"[^"]*"', "", expression)), place


def _sources(metric: str) -> set[str]:
    if metric not in RECORDED:
        return set()
    direct = RECORDED[metric].metrics
    return direct | {found for source in direct for found in _sources(source)}
