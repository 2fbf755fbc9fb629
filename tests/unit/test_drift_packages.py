"""Drift is put back with the charts that are installed, and with no others."""

from typing import Any

import pytest

from meshlab.drift.packages import refuse_other_charts
from meshlab.recording.recorder import Recorded
from meshlab.recording.releases import RELEASE
from meshlab.target import LabError

INSTALLED = {"name": "prom", "version": "1.0.0", "chart": "/charts/a-1.0.0.tgz", "description": "a-1.0.0.tgz sha256:1"}
OF_A_REPOSITORY = {"name": "prom", "version": "1.0.0", "chart": "a"}


def refuse(installed: dict[str, Any], now: dict[str, Any], **more: Any) -> None:
    stored = {"urn": "urn:pulumi:dev::meshlab::x::stack", "type": RELEASE, "inputs": installed, **more}
    release = Recorded("urn", RELEASE, "stack", "", True, now, (), "", {})
    refuse_other_charts({"resources": [stored]}, {"stack": release}, "--stack dev --cluster east")


@pytest.mark.parametrize(
    "now",
    [
        INSTALLED,
        {**INSTALLED, "chart": "/elsewhere/a-1.0.0.tgz"},
        # A version that was moved is drift of the release, which is brought to it as a whole.
        {**INSTALLED, "version": "1.1.0", "description": "a-1.1.0.tgz sha256:2"},
    ],
)
def test_the_installed_chart_and_a_moved_version_are_put_back(now: dict[str, Any]) -> None:
    refuse(INSTALLED, now)


def test_what_a_state_only_has_to_delete_says_nothing_of_charts() -> None:
    refuse(OF_A_REPOSITORY, INSTALLED, delete=True)


def test_charts_of_a_repository_are_told_by_their_version_alone() -> None:
    refuse(OF_A_REPOSITORY, dict(OF_A_REPOSITORY))


@pytest.mark.parametrize(
    ("installed", "now", "said"),
    [
        (
            INSTALLED,
            {**INSTALLED, "description": "a-1.0.0.tgz sha256:2"},
            "expected the installed chart a-1.0.0.tgz sha256:1, got a-1.0.0.tgz sha256:2",
        ),
        (
            OF_A_REPOSITORY,
            INSTALLED,
            "expected the installed chart a 1.0.0 of a repository, got a-1.0.0.tgz sha256:1",
        ),
    ],
)
def test_another_chart_of_the_same_version_is_refused(
    installed: dict[str, Any], now: dict[str, Any], said: str
) -> None:
    with pytest.raises(LabError) as caught:
        refuse(installed, now)
    assert str(caught.value) == (
        f"release prom: {said}; nothing was changed (name the charts that are installed: --charts FOLDER; "
        "or install these first: meshlab up --stack dev --cluster east)"
    )
