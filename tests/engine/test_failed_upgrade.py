"""Upgrades that fail are taken back: recover rolls them back, and one up is what an install would have been."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlab.commands.recover import Options, recover
from meshlab.drift.inspection import Inspection
from meshlab.lab import LabError
from tests.support.inventory import inventory, objects
from tests.support.lab import Lab, driver, running_lab

NOWHERE = {"nodeSelector": {"disk": "ssd"}}
"""No node has the label, so no pod comes up and helm waits in vain."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("failed"), "failed-upgrade") as lab:
        driver(lab, **istio({})).up()
        yield lab


def istio(pilot: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Settings of the lab's Istio, with values for istiod and the shortest time limit."""
    revision = {"version": "1.17.6", "values": {"pilot": pilot, **values}}
    return {"istio": {"revisions": {"1-17": revision}, "timeoutSeconds": 30}}


def istiod(lab: Lab) -> dict[str, Any]:
    """The pod template of istiod, as the API server has it."""
    (found,) = objects(lab.cluster, "deployment", "istiod-1-17", "-n", "istio-system")
    return found["spec"]["template"]


def fails(lab: Lab, settings: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        driver(lab, **settings).up()


def recovered(lab: Lab) -> list[str]:
    """Recover, and what was told."""
    told: list[str] = []
    assert recover(Options("dev", lab.target, lab.folder), lambda: True, told.append)
    return told


def converges(lab: Lab) -> None:
    driver(lab, **istio({})).up()
    driver(lab, **istio({})).stack.preview(expect_no_changes=True)
    assert drift(lab) == []


def drift(lab: Lab) -> list[str]:
    settings = istio({})
    inspection = Inspection(driver(lab, **settings), lab.stack, lab.config(**settings), lab.cluster.kubeconfig, lab.say)
    return [f"{one.label}: {each.line}" for one in inspection.look().findings for each in one.differences]


def test_what_a_failed_upgrade_added_goes_with_recover_and_one_up(lab: Lab) -> None:
    before, names = istiod(lab), inventory(lab.cluster)
    fails(lab, istio(NOWHERE))
    assert istiod(lab)["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert any("istiod-1-17 back to its revision 1 (failed)" in line for line in recovered(lab))
    converges(lab)
    assert istiod(lab) == before
    kinds = ("Deployment ", "ConfigMap ", "Service ", "HorizontalPodAutoscaler ")
    assert [one for one in inventory(lab.cluster) if one.startswith(kinds)] == [
        one for one in names if one.startswith(kinds)
    ]


def test_two_failed_upgrades_in_a_row_are_both_taken_back(lab: Lab) -> None:
    before = istiod(lab)
    fails(lab, istio({**NOWHERE, "podAnnotations": {"first": "yes"}}))
    # The second no longer has what the first one added.
    fails(lab, istio({"nodeSelector": {"disk": "nvme"}}))
    assert istiod(lab)["metadata"]["annotations"]["first"] == "yes"
    assert any("by way of" in line for line in recovered(lab))
    converges(lab)
    assert istiod(lab) == before


def test_a_failed_first_install_needs_no_recovery(tmp_path: Path) -> None:
    with running_lab(tmp_path, "failed-install") as lab:
        fails(lab, istio(NOWHERE))
        assert recovered(lab) == [
            "nothing to recover: stack dev has no lock, no pending operation and no unfinished release"
        ]
        converges(lab)
        assert "nodeSelector" not in istiod(lab)["spec"]
