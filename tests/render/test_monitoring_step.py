"""The page on kube-prometheus-stack 42.2.1 to 88.5.3 says what the real charts render; skipped where there are none."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlab.comparison.crds import crd_changes
from meshlab.comparison.images import image_changes
from meshlab.comparison.stacks import Comparison
from meshlab.diff.replacements import replacements
from meshlab.recording.recorder import ROOT
from meshlab.render.stack import RenderedStack
from meshlab.stack import Stack
from tests.support.charts import REAL_CHARTS
from tests.support.rendering import TARGET

PAGE = (ROOT / "docs" / "monitoring_42_to_88.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
"""The page without its line breaks."""
TESTS = "bats/bats"
"""The image of the chart's own test pod, which nobody here runs."""


@pytest.fixture(scope="module")
def step(helm: Path) -> Comparison:
    folder = os.environ.get(REAL_CHARTS)
    if not folder:
        pytest.skip(f"{REAL_CHARTS} names no folder with the real charts")
    stack = Stack.load("dev", charts=folder)

    def rendered(version: str) -> RenderedStack:
        monitoring = {"version": version, "grafanaAnonymous": True}
        return stack.variant({**stack.config, "meshlab:monitoring": monitoring}).rendered(TARGET)

    return Comparison("dev", "before", rendered("42.2.1"), rendered("88.5.3"))


def rules(stack: RenderedStack | None) -> Iterator[dict[str, Any]]:
    assert stack is not None
    for object_ in stack.objects:
        if object_.kind == "PrometheusRule" and object_.release == "prom":
            for group in object_.manifest["spec"]["groups"]:
                yield from group["rules"]


def expressions(stack: RenderedStack | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for rule in rules(stack):
        found.setdefault(rule.get("alert") or rule["record"], []).append(str(rule["expr"]))
    return {name: sorted(every) for name, every in found.items()}


def test_the_page_counts_the_objects_that_change(step: Comparison) -> None:
    actions = [change.action for change in step.changes]
    counted = tuple(actions.count(action) for action in ("added", "changed", "removed"))
    labels = sum(change.version_only for change in step.changes)
    said = re.search(
        r"(\d+) objects added, (\d+) changed \((\d+) of them in version labels alone\), (\d+) removed", PROSE
    )
    assert said
    assert (*counted[:2], labels, counted[2]) == tuple(map(int, said.groups()))
    assert {change.one.component for change in step.changes} == {"monitoring"}


def test_nothing_is_replaced_as_the_page_says(step: Comparison) -> None:
    assert "**Nothing is replaced.**" in PAGE
    assert list(replacements(step)) == []


def test_the_page_has_every_field_of_a_crd_that_is_stricter(step: Comparison) -> None:
    told = [line for _, lines in crd_changes(step.changes) for line in lines]
    stricter = [line for line in told if re.search("fields (gone|required now|with fewer values)", line)]
    fields = {
        field.split("[].")[-1].split(".")[-1] for line in stricter for field in line.split(": ", 2)[2].split(", ")
    }
    assert len(fields) >= 5
    assert [field for field in fields if field not in PAGE] == []


def test_the_page_has_every_image(step: Comparison) -> None:
    pairs = {(old, new) for old, new, _ in image_changes(step.changes) if TESTS not in old}
    said = set(re.findall(r"^\| [\w, -]+ \| `([^`]+:v?[\d.]+[^`]*)` \| `([^`]+)` \|$", PAGE, re.MULTILINE))
    assert said == pairs


def test_the_page_has_every_alert_and_series_that_comes_or_goes(step: Comparison) -> None:
    before, after = expressions(step.before), expressions(step.after)
    assert set(re.findall(r"`([A-Z]\w+)`", PAGE.split("Alerts that come:")[1].split("Recorded series")[0])) == {
        name for name in after.keys() - before.keys() if ":" not in name
    }
    assert set(re.findall(r"^\| `([\w:]+:\w+)` \|", PAGE, re.MULTILINE)) == before.keys() - after.keys()
    both = before.keys() & after.keys()
    moved = sum(before[name] != after[name] for name in both)
    assert f"Of the {len(both)} alerts and records that both versions have, {moved} have another expression" in PROSE
