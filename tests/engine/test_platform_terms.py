"""A platform that writes into every webhook, on the real engine: no conflict, no drift. One story, in file order."""

from collections.abc import Iterator
from typing import Any

import pytest

from meshlab.drift.inspection import Inspection
from tests.support import enforcer
from tests.support.inventory import objects
from tests.support.lab import Lab, changed, driver, running_lab

pytestmark = pytest.mark.timeout(900)

OLD, NEW = "1-17", "1-30"
TAG = "istio-revision-tag-stable"
OURS = {TAG, "istiod-default-validator", "prom-operator-admission"}


def stack(tag: str, **cluster: Any) -> dict[str, Any]:
    revisions = {OLD: {"version": "1.17.6"}, NEW: {"version": "1.30.3"}}
    return {
        "istio": {"revisions": revisions, "tags": {"stable": tag}, "defaultRevision": tag},
        "mesh": {"namespaces": {"default": "stable"}},
        "cluster": cluster,
    }


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("platform"), "platform", over=stack(OLD)) as lab:
        driver(lab, **stack(OLD)).up()
        yield lab


def webhooks(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """The webhook configurations by name; of two kinds, some have the same."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in enforcer.KINDS:
        for object_ in objects(lab.cluster, kind):
            found.setdefault(object_["metadata"]["name"], []).append(object_)
    return found


def drift(lab: Lab, tag: str, **cluster: Any) -> list[str]:
    """The webhooks that have drifted, and how."""
    over = stack(tag, **cluster)
    inspection = Inspection(driver(lab, **over), lab.declared(**over), lab.cluster.kubeconfig, lab.say)
    return [f"{finding.label}: {each.line}" for finding in inspection.look().findings for each in finding.differences]


def test_the_platforms_terms_are_no_drift(lab: Lab) -> None:
    assert set(enforcer.enforce(lab.cluster)) >= OURS
    assert drift(lab, OLD) == []
    driver(lab, **stack(OLD)).preview(expect_no_changes=True)


def test_another_hands_term_beside_them_is_drift(lab: Lab) -> None:
    term = '[{"op": "add", "path": "/webhooks/0/namespaceSelector/matchExpressions/-", "value": %s}]'
    lab.cluster.kubectl(
        *("patch", "mutatingwebhookconfiguration", TAG, "--type=json", "-p"),
        term % '{"key": "by-hand", "operator": "Exists"}',
    )
    (told,) = drift(lab, OLD)
    assert "namespaceSelector" in told
    assert "by-hand" in told
    undo = '[{"op": "remove", "path": "/webhooks/0/namespaceSelector/matchExpressions/%d"}]'
    (tag,) = webhooks(lab)[TAG]
    last = len(tag["webhooks"][0]["namespaceSelector"]["matchExpressions"]) - 1
    lab.cluster.kubectl(
        *("patch", "mutatingwebhookconfiguration", TAG, f"--field-manager={enforcer.MANAGER}", "--type=json", "-p"),
        undo % last,
    )


def test_a_tag_moves_and_releases_upgrade_beside_the_platform(lab: Lab) -> None:
    assert "istio-tag-stable" in changed(driver(lab, **stack(NEW)).up())
    assert TAG in enforcer.enforce(lab.cluster)
    (tag,) = webhooks(lab)[TAG]
    assert {webhook["clientConfig"]["service"]["name"] for webhook in tag["webhooks"]} == {f"istiod-{NEW}"}
    assert drift(lab, NEW) == []


def test_webhooks_that_opt_out_are_left_alone(lab: Lab) -> None:
    settings = {"webhookAnnotations": enforcer.OPT_OUT}
    driver(lab, **stack(NEW, **settings)).up()
    marked = {
        name
        for name, same in webhooks(lab).items()
        if all(enforcer.OPT_OUT.items() <= item["metadata"].get("annotations", {}).items() for item in same)
    }
    # The real chart of 1.17 has no value for it; its stand-in has.
    assert marked - {f"istio-sidecar-injector-{OLD}"} == {*OURS, f"istio-sidecar-injector-{NEW}"}
    assert not marked & set(enforcer.enforce(lab.cluster))
    (tag,) = webhooks(lab)[TAG]
    keys = {term["key"] for webhook in tag["webhooks"] for term in webhook["namespaceSelector"]["matchExpressions"]}
    assert keys == {"istio.io/rev", "istio-injection"}
    assert drift(lab, NEW, **settings) == []
    driver(lab, **stack(NEW, **settings)).preview(expect_no_changes=True)
