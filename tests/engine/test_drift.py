"""Drift under the real engine: put back by Pulumi and helm, so that a preview after it has no changes."""

from collections.abc import Iterator

import pytest

from meshlab.drift.finding import Finding
from meshlab.drift.inspection import Inspection
from tests.support.hand_edits import all_edits
from tests.support.lab import Lab, changed, driver, running_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("drift"), "engine-drift") as lab:
        driver(lab).up()
        yield lab


@pytest.fixture(scope="module")
def inspection(lab: Lab) -> Inspection:
    return Inspection(driver(lab), lab.stack, lab.config(), lab.cluster.kubeconfig, lab.say)


def told(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{one.what} {one.label}: {'; '.join(each.line for each in one.differences)}" for one in findings]


def test_a_fresh_stack_has_no_drift(inspection: Inspection) -> None:
    assert told(inspection.look().findings) == []


def test_what_hands_do_shows_in_no_preview_and_in_drift(lab: Lab, inspection: Inspection) -> None:
    edits = all_edits(lab)
    for edit in edits:
        edit.do(lab.cluster)
    driver(lab).stack.preview(expect_no_changes=True)
    found = [(str(one.what), one.label) for one in inspection.look().findings]
    assert sorted(found) == sorted((edit.what, edit.label) for edit in edits)


def test_it_is_all_put_back_and_a_preview_after_it_has_no_changes(lab: Lab, inspection: Inspection) -> None:
    assert told(inspection.mend(inspection.look(), lambda copies: True).findings) == []
    driver(lab).stack.preview(expect_no_changes=True)
    assert not changed(driver(lab).up())
    assert lab.unavailable_deployments() == []


def test_a_later_change_of_what_was_put_back_meets_no_conflict(lab: Lab) -> None:
    outcome = driver(lab, sampleApps={"enabled": False}).up()
    assert "sample-apps-web-api-deployment" in changed(outcome)


def test_a_release_that_was_uninstalled_by_hand_comes_back(lab: Lab) -> None:
    driver(lab).up()
    found = Inspection(driver(lab), lab.stack, lab.config(), lab.cluster.kubeconfig, lab.say)
    lab.helm("uninstall", "kiali-operator", "--namespace", "kiali-operator", "--wait")
    seen = found.look()
    assert {one.release for one in seen.findings} == {"kiali-operator"}
    assert told(found.mend(seen, lambda copies: True).findings) == []
    driver(lab).stack.preview(expect_no_changes=True)
