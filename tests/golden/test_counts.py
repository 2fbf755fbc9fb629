"""How big each stack's program is and how long its longest wait: a change is seen, whatever machine looks."""

from typing import Any

import pytest

from meshlab.recording.dependencies import needs_of, parts_of
from meshlab.recording.recorder import Recording, record
from meshlab.recording.releases import RELEASE
from meshlab.recording.waits import longest_path, reduced
from tests.support.counts import differences, hold
from tests.support.stacks import STACKS


def figures(recording: Recording) -> dict[str, Any]:
    """Of one program. Edges are those that follow from no others: what `meshlab graph` draws, resource by resource."""
    needs = needs_of(recording.resources)
    parts = parts_of(recording.resources)
    path = [parts[urn].name for urn in longest_path(needs)]
    return {
        "components and providers": len(recording.resources) - len(parts),
        "resources": len(parts),
        "releases": sum(part.type == RELEASE for part in parts.values()),
        "edges": sum(len(others) for others in reduced(needs).values()),
        "longest path": len(path),
        "on the longest path": path,
    }


def test_a_program_that_grows_or_waits_longer_says_where(request: pytest.FixtureRequest) -> None:
    counted = {stack: figures(record(stack)) for stack in STACKS}
    hold("programs", counted, request, "make golden")


def test_what_is_told_of_a_change_is_the_figure_before_and_after() -> None:
    before = {"dev": {"edges": 3, "path": ["a", "b"], "old": 1}}
    now = {"dev": {"edges": 5, "path": ["a", "c", "b"]}, "prod": {"edges": 1}}
    assert differences(before, now) == [
        "dev edges: 3 -> 5 (+2)",
        "dev old: 1 -> nothing",
        "dev path: a > b -> a > c > b",
        "prod: nothing -> {'edges': 1}",
    ]
    assert differences(now, now) == []
