"""Upgrades that fail are taken back: recover rolls them back, and one up is what an install would have been.

Each test gets a lab as a fresh install leaves it, whatever became of the tests before it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlab.cli.commands.recover import RecoverOptions, recover
from meshlab.comparison.finding import DriftFinding
from meshlab.drift.inspection import Inspection
from meshlab.target import LabError
from tests.support.broken import refused_update
from tests.support.hand_edits import patch
from tests.support.inventory import declared, objects
from tests.support.lab import Lab, driver, running_lab
from tests.support.labs import Labs

pytestmark = pytest.mark.timeout(900)

NOWHERE = {"nodeSelector": {"disk": "ssd"}}
"""No node has the label, so no pod comes up and helm waits in vain."""
NEWER: dict[str, Any] = {"monitoring": {"version": "88.5.3"}}
HOOKS = {"admissionWebhooks": {"enabled": True, "patch": {"enabled": True, "resources": {"requests": {"cpu": "999"}}}}}
"""Jobs that no node has room for."""
RULES_CRD = "prometheusrules.monitoring.coreos.com"


def istio(pilot: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Settings of the lab's Istio, with values for istiod and the shortest time limit."""
    revision = {"version": "1.17.6", "values": {"pilot": pilot, **values}}
    return {"istio": {"revisions": {"1-17": revision}, "timeoutSeconds": 30}}


PLAIN = istio({})


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    found = Labs(lambda: tmp_path_factory.mktemp("failed"), "failed-upgrade", PLAIN, NEWER)
    yield found
    found.close()


@pytest.fixture
def lab(labs: Labs) -> Iterator[Lab]:
    with labs.one() as lab:
        yield lab


def istiod(lab: Lab) -> dict[str, Any]:
    """The pod template of istiod, as the API server has it."""
    (found,) = objects(lab.cluster, "deployment", "istiod-1-17", "-n", "istio-system")
    return found["spec"]["template"]


def crd_specs(lab: Lab) -> dict[str, Any]:
    """The CRDs of the Prometheus operator, as the API server has them."""
    crds = [object_ for object_ in objects(lab.cluster, "crds") if object_["spec"]["group"] == "monitoring.coreos.com"]
    return {crd["metadata"]["name"]: (crd["metadata"]["annotations"], crd["spec"]) for crd in crds}


def fails(lab: Lab, settings: dict[str, Any]) -> None:
    with pytest.raises(LabError) as caught:
        driver(lab, **settings).up()
    assert "nothing was changed" not in str(caught.value)


def recovered(lab: Lab) -> list[str]:
    """Recover, and what was told."""
    told: list[str] = []
    assert recover(RecoverOptions("dev", lab.target, lab.folder), lambda: True, told.append)
    return told


def inspected(lab: Lab) -> Inspection:
    return Inspection(driver(lab, **PLAIN), lab.declared(**PLAIN), lab.cluster.kubeconfig, lab.say)


def drift(lab: Lab) -> list[str]:
    return [told for finding in inspected(lab).look().findings for told in said(finding)]


def said(one: DriftFinding) -> list[str]:
    """What drift says of an object, a line a difference; how many revisions there were before is other tests' doing."""
    lines = [line for line in (one.note, *(each.line for each in one.differences)) if line]
    return [f"{one.what} {one.label}: {re.sub(r'revision [0-9]+', 'revision N', line)}" for line in lines]


def converges(lab: Lab) -> None:
    driver(lab, **PLAIN).up()
    driver(lab, **PLAIN).stack.preview(expect_no_changes=True)
    assert drift(lab) == []


def test_fields_of_a_failed_upgrade_go_with_recover_and_one_up(lab: Lab, labs: Labs) -> None:
    before = istiod(lab)
    fails(lab, istio(NOWHERE))
    assert istiod(lab)["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert any("roll release istio-system/istiod-1-17 (failed) back to its revision" in line for line in recovered(lab))
    converges(lab)
    assert istiod(lab) == before
    assert labs.left(lab) == labs.fresh()


def test_drift_names_the_fields_that_a_failed_upgrade_left_and_fixes_it(lab: Lab, labs: Labs) -> None:
    before = istiod(lab)
    fails(lab, istio(NOWHERE))
    found = drift(lab)
    assert [line for line in found if "spec.template.spec.nodeSelector" in line] == [
        "edited Deployment istio-system/istiod-1-17: "
        "spec.template.spec.nodeSelector: {'disk': 'ssd'}, expected nothing "
        "(left by revision N of release istiod-1-17, which failed)"
    ]
    assert [line for line in found if "status: failed" in line]
    inspection = inspected(lab)
    assert inspection.remediate(inspection.look(), lambda copies: True).findings == ()
    assert istiod(lab) == before
    converges(lab)
    assert labs.left(lab) == labs.fresh()


def test_drift_names_them_also_once_a_later_upgrade_has_gone_through(lab: Lab, labs: Labs) -> None:
    fails(lab, istio({**NOWHERE, "podAnnotations": {"first": "yes"}}))
    # Somebody helps the pods up; the rest of the failed upgrade stays.
    remove = [{"op": "remove", "path": "/spec/template/spec/nodeSelector"}]
    patch("istio-system", "deployment", "istiod-1-17", remove, "json")(lab.cluster)
    driver(lab, **PLAIN).up()
    assert drift(lab) == [
        "edited Deployment istio-system/istiod-1-17: spec.template.metadata.annotations.first: yes, expected nothing "
        "(left by revision N of release istiod-1-17, which failed)"
    ]
    inspection = inspected(lab)
    assert inspection.remediate(inspection.look(), lambda copies: True).findings == ()
    converges(lab)
    assert labs.left(lab) == labs.fresh()


def test_two_failed_upgrades_in_a_row_are_both_taken_back(lab: Lab, labs: Labs) -> None:
    before = istiod(lab)
    fails(lab, istio({**NOWHERE, "podAnnotations": {"first": "yes"}}))
    # The second no longer has what the first one added.
    fails(lab, istio({"nodeSelector": {"disk": "nvme"}}))
    assert istiod(lab)["metadata"]["annotations"]["first"] == "yes"
    assert any("by way of" in line for line in recovered(lab))
    converges(lab)
    assert istiod(lab) == before
    assert labs.left(lab) == labs.fresh()


def test_objects_of_a_failed_upgrade_are_named_and_go_with_recover(lab: Lab, labs: Labs) -> None:
    more = {"global": {"networkPolicy": {"enabled": True}}, "experimental": {"stableValidationPolicy": True}}
    fails(lab, istio({**NOWHERE, "jwksResolverExtraRootCA": "none"}, **more))
    added = [name for name in declared(lab.cluster) if name not in labs.fresh()]
    # The stand-in is a later Istio's chart, which has the other values too.
    later = {"NetworkPolicy", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert {name.partition(" ")[0] for name in added} in ({"ConfigMap"}, {"ConfigMap", *later})
    extra = [line for line in drift(lab) if line.startswith("extra ")]
    assert len(extra) == len(added)
    assert all("says it belongs to the release istiod-1-17, which brings no such object" in line for line in extra)
    recovered(lab)
    converges(lab)
    assert labs.left(lab) == labs.fresh()


def test_hooks_of_a_failed_upgrade_are_named_and_go_with_recover(lab: Lab, labs: Labs) -> None:
    monitoring = {"timeoutSeconds": 30, "values": {"prometheusOperator": HOOKS}}
    fails(lab, {**PLAIN, "monitoring": monitoring})
    added = [name for name in declared(lab.cluster) if name not in labs.fresh()]
    assert "Job prometheus/prom-kube-prometheus-stack-admission-create" in added
    extra = [line for line in drift(lab) if "a hook of revision N of the release, which failed" in line]
    assert len(extra) == len(added)
    recovered(lab)
    converges(lab)
    assert labs.left(lab) == labs.fresh()


def test_a_failed_upgrade_of_the_crds_is_taken_back(lab: Lab, labs: Labs) -> None:
    before = crd_specs(lab)
    with refused_update(lab.cluster, RULES_CRD):
        fails(lab, {**PLAIN, **NEWER})
    assert crd_specs(lab) != before
    assert any("roll release prometheus/prom-crds (failed) back to its revision" in line for line in recovered(lab))
    converges(lab)
    assert crd_specs(lab) == before
    assert labs.left(lab) == labs.fresh()


def test_a_failed_first_install_needs_no_recovery(tmp_path: Path) -> None:
    with running_lab(tmp_path, "failed-install") as lab:
        fails(lab, istio(NOWHERE))
        assert recovered(lab) == [
            "nothing to recover: stack dev has no lock, no pending operation and no unfinished release"
        ]
        converges(lab)
        assert "nodeSelector" not in istiod(lab)["spec"]
