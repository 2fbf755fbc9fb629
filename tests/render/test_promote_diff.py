"""The rendered diff that a promotion shows: what the stack's objects are with the other stack file."""

from copy import deepcopy
from pathlib import Path

import pytest

from meshlab.charts.choice import Charts
from meshlab.comparison.stacks import Comparison
from meshlab.diff.unified import unified
from meshlab.promote.rendered import comparison
from meshlab.recording.recorder import stack_config
from meshlab.render.helm import HelmRenderer
from meshlab.render.stack import Renderer
from meshlab.stack import Stack
from meshlab.stackfile.reading import Config
from tests.support.charts import chart_folder
from tests.support.rendering import TARGET


@pytest.fixture(scope="module")
def renderer(helm: Path) -> Renderer:
    return Renderer(Charts(str(chart_folder("staging")), print), HelmRenderer(helm))


def compared(renderer: Renderer, before: Config, after: Config) -> Comparison:
    return comparison(Stack.load("staging", renderer=renderer).variant(before), after, TARGET)


def test_a_promoted_threshold_and_scenario_show_in_the_objects_they_change(renderer: Renderer) -> None:
    before = stack_config("staging")
    after = deepcopy(before)
    after["meshlab:meshMonitors"] = {"thresholds": {"errorBudgetRatio": 0.02}}
    after["meshlab:envoyDemo"] = {"scenario": "timeout"}
    found = compared(renderer, before, after)
    assert {change.one.kind for change in found.changes} == {"PrometheusRule", "ConfigMap", "Deployment"}
    diff = unified([found])
    assert "+    - expr: vector(0.02)" in diff
    assert "-    # Scenario retry" in diff
    assert "+    # Scenario timeout" in diff


def test_a_section_that_goes_shows_as_its_defaults(renderer: Renderer) -> None:
    before = deepcopy(stack_config("staging"))
    assert "meshlab:meshMonitors" not in before
    after = deepcopy(before)
    before["meshlab:meshMonitors"] = {"thresholds": {"errorBudgetRatio": 0.02}}
    (change,) = compared(renderer, before, after).changes
    assert change.one.kind == "PrometheusRule"
    assert compared(renderer, after, deepcopy(after)).same
