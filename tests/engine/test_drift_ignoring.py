"""A stack's own rules of drift on the real engine: what is ignored stays, all else is put back. In file order."""

from collections.abc import Iterator
from typing import Any

import pytest

from meshlab.comparison.finding import DriftFinding
from meshlab.drift.inspection import Inspection
from tests.support.inventory import objects
from tests.support.lab import Lab, changed, driver

OWN, CHARTS = ("web-api", "istioinaction"), ("prom-kube-state-metrics", "prometheus")
RULE = {
    "kinds": ["Deployment"],
    "names": [OWN[0], CHARTS[0]],
    "fields": ["spec.replicas"],
    "reason": "an autoscaler of the platform decides",
}
DRIFT = {"drift": {"ignore": [RULE]}}


@pytest.fixture(scope="module")
def lab(dev_lab: Lab) -> Iterator[Lab]:
    driver(dev_lab, **DRIFT).up()
    yield dev_lab
    # The replicas that the rule ignores have stayed as the tests set them.
    for name, namespace in (OWN, CHARTS):
        dev_lab.cluster.kubectl("scale", f"deployment/{name}", "-n", namespace, "--replicas=1")


def inspected(lab: Lab) -> Inspection:
    return Inspection(driver(lab, **DRIFT), lab.declared(**DRIFT), lab.cluster.kubeconfig, lab.say)


def told(findings: tuple[DriftFinding, ...]) -> dict[str, list[str]]:
    return {finding.label: [each.path for each in finding.differences] for finding in findings}


def live(lab: Lab, name: str, namespace: str) -> dict[str, Any]:
    (found,) = objects(lab.cluster, "deployment", name, "-n", namespace)
    return found["spec"]


def edit(lab: Lab, name: str, namespace: str) -> None:
    """Scale, and give it another image: the one is ignored, the other is not."""
    lab.cluster.kubectl("scale", f"deployment/{name}", "-n", namespace, "--replicas=3")
    lab.cluster.kubectl("set", "image", f"deployment/{name}", "-n", namespace, "*=example.invalid/web:9")


def test_what_a_rule_names_is_told_apart_from_the_rest(lab: Lab) -> None:
    for place in (OWN, CHARTS):
        edit(lab, *place)
    seen = inspected(lab).look()
    assert {label: [path.rpartition(".")[2] for path in paths] for label, paths in told(seen.findings).items()} == {
        f"Deployment {namespace}/{name}": ["image"] for name, namespace in (OWN, CHARTS)
    }
    assert told(tuple(skipped.finding for skipped in seen.ignored)) == {
        f"Deployment {namespace}/{name}": ["spec.replicas"] for name, namespace in (OWN, CHARTS)
    }
    assert {skipped.reason for skipped in seen.ignored} == {RULE["reason"]}


def test_all_but_what_is_ignored_is_put_back_and_a_run_after_it_has_no_changes(lab: Lab) -> None:
    inspection = inspected(lab)
    assert told(inspection.remediate(inspection.look(), lambda copies: True).findings) == {}
    for place in (OWN, CHARTS):
        spec = live(lab, *place)
        assert spec["replicas"] == 3
        images = [container["image"] for container in spec["template"]["spec"]["containers"]]
        assert "example.invalid/web:9" not in images
    driver(lab, **DRIFT).stack.preview(expect_no_changes=True)
    assert not changed(driver(lab, **DRIFT).up())
    assert {live(lab, *place)["replicas"] for place in (OWN, CHARTS)} == {3}
