"""Drift on the real engine and a real API server: every hand's doing is named once and put back. In file order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlab.comparison.finding import DriftFinding
from meshlab.drift.inspection import Inspection
from tests.support.hand_edits import HAND_EDITS, HandEdit, all_edits, upgraded
from tests.support.inventory import inventory
from tests.support.lab import Lab, changed, driver, running_lab

EDITS = [*HAND_EDITS, upgraded(Path())]


@pytest.fixture(scope="module")
def lab(dev_lab: Lab) -> Lab:
    return dev_lab


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("drift"), "drift-next", "next") as lab:
        driver(lab).up()
        yield lab


@pytest.fixture(scope="module")
def inspection(lab: Lab) -> Inspection:
    return inspected(lab)


@pytest.fixture(scope="module")
def after_edits(lab: Lab, inspection: Inspection) -> tuple[DriftFinding, ...]:
    """What drift says after all that hands do."""
    for edit in all_edits(lab):
        edit.do(lab.cluster)
    return inspection.look().findings


def inspected(lab: Lab, **over: Any) -> Inspection:
    return Inspection(driver(lab), lab.declared(**over), lab.cluster.kubeconfig, lab.say)


def told(findings: tuple[DriftFinding, ...]) -> list[str]:
    return [
        f"{finding.what} {finding.label}: {'; '.join(each.line for each in finding.differences)}"
        for finding in findings
    ]


def test_a_fresh_lab_has_no_drift(inspection: Inspection) -> None:
    seen = inspection.look()
    assert told(seen.findings) == []
    assert seen.compared > 140


def test_a_fresh_lab_of_current_versions_has_no_drift(current: Lab) -> None:
    seen = inspected(current).look()
    assert told(seen.findings) == []
    assert seen.compared > 140


def test_looking_changes_nothing(lab: Lab, inspection: Inspection) -> None:
    before = inventory(lab.cluster)
    inspection.look()
    assert inventory(lab.cluster) == before


def test_a_restart_and_an_autoscaler_are_no_drift(lab: Lab, inspection: Inspection) -> None:
    lab.cluster.kubectl("rollout", "restart", "deployment/sleep", "-n", "default")
    lab.cluster.kubectl("scale", "deployment/istiod-1-17", "-n", "istio-system", "--replicas=2")
    assert told(inspection.look().findings) == []


def test_what_hands_do_shows_in_no_preview(lab: Lab, after_edits: tuple[DriftFinding, ...]) -> None:
    assert after_edits
    driver(lab).stack.preview(expect_no_changes=True)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_what_a_hand_does_is_named_once(edit: HandEdit, after_edits: tuple[DriftFinding, ...]) -> None:
    (finding,) = [finding for finding in after_edits if finding.label == edit.label]
    assert finding.what == edit.what
    paths = [difference.path for difference in finding.differences]
    assert len(paths) == len(set(paths))
    assert not edit.field or any(path.startswith(edit.field) for path in paths)


def test_nothing_else_is_named(after_edits: tuple[DriftFinding, ...]) -> None:
    assert sorted(finding.label for finding in after_edits) == sorted(edit.label for edit in EDITS)


def test_no_value_of_a_secret_is_shown(after_edits: tuple[DriftFinding, ...]) -> None:
    secrets = [each for finding in after_edits if finding.kind == "Secret" for each in finding.differences]
    assert len(secrets) == 2
    assert {(secret.live, secret.wanted) for secret in secrets} == {("<secret>", "<secret>")}


def test_extra_objects_stay_where_nobody_agrees_to_their_end(
    inspection: Inspection, after_edits: tuple[DriftFinding, ...]
) -> None:
    extra = [edit.label for edit in EDITS if edit.what == "extra"]
    left = inspection.remediate(inspection.look(), lambda copies: False).findings
    assert sorted(finding.label for finding in left) == sorted(extra)


def test_all_of_it_is_put_back_and_a_run_after_it_has_no_changes(
    lab: Lab, inspection: Inspection, after_edits: tuple[DriftFinding, ...]
) -> None:
    assert told(inspection.remediate(inspection.look(), lambda copies: True).findings) == []
    assert told(inspected(lab).look().findings) == []
    driver(lab).stack.preview(expect_no_changes=True)
    assert not changed(driver(lab).up())
    assert lab.unavailable_deployments() == []


def test_a_change_that_is_not_brought_up_yet_shows_as_what_it_would_change(lab: Lab) -> None:
    (finding,) = inspected(lab, envoyDemo={"scenario": "retry"}).look().findings[:1]
    assert finding.component == "envoy-demo"


def test_a_later_change_of_what_was_put_back_meets_no_conflict(lab: Lab) -> None:
    outcome = driver(lab, sampleApps={"enabled": False}).up()
    assert "sample-apps-web-api-deployment" in changed(outcome)


def test_a_release_that_was_uninstalled_by_hand_comes_back(lab: Lab) -> None:
    driver(lab).up()
    found = inspected(lab)
    lab.helm("uninstall", "kiali-operator", "--namespace", "kiali-operator", "--wait")
    seen = found.look()
    assert {finding.release for finding in seen.findings} == {"kiali-operator"}
    assert told(found.remediate(seen, lambda copies: True).findings) == []
    driver(lab).stack.preview(expect_no_changes=True)
