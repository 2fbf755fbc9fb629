"""A namespace that its owner made, with a quota and a pull secret: used and given back. One story, in file order."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from base.errors import MeshlabError
from kube.cluster import Cluster
from meshlab.doctor.admission import admission
from meshlab.doctor.plan import plan_of
from meshlab.drift.inspection import Inspection
from meshlab.ownership.leftovers import lines
from meshlab.ownership.strangers import refuse_strangers
from meshlab.remove.removal import Removal
from meshlab.render.stack import default_kubernetes
from meshlab.session import Session
from meshlab.stack import Stack
from tests.support.inventory import inventory, objects
from tests.support.lab import Lab, changed, documented, driver, running_lab

pytestmark = pytest.mark.timeout(900)

NAMESPACE = "prometheus"
OWNERS: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"team": "shop"}, "annotations": {"contact": "shop@example"}},
    },
    {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "owners", "namespace": NAMESPACE},
        "spec": {"hard": {"count/pods": "50"}},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "pull", "namespace": NAMESPACE},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": "e30="},
    },
]
PLAIN: dict[str, Any] = {}
ADOPTING = {"cluster": {"adoptNamespaces": [NAMESPACE]}}
BOTH = {"cluster": {"adoptNamespaces": [NAMESPACE, "kiali-operator"]}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("adopted"), "adopted") as lab:
        for owner in OWNERS:
            lab.cluster.kubectl("create", "-f", "-", stdin=json.dumps(owner))
        lab.before = inventory(lab.cluster)
        yield lab


@pytest.fixture(scope="module")
def owners(lab: Lab) -> dict[str, Any]:
    """The namespace as its owner made it: who asks first does so before anything else."""
    return namespace(lab)


def session(lab: Lab, over: dict[str, Any]) -> Session:
    return Session(lab.target, driver(lab, **over), lab.declared(**over))


def namespace(lab: Lab) -> dict[str, Any]:
    (one,) = objects(lab.cluster, "namespace", NAMESPACE)
    return {key: one["metadata"].get(key) for key in ("uid", "labels", "annotations")}


def test_what_is_to_be_adopted_has_to_be_there(lab: Lab) -> None:
    with pytest.raises(MeshlabError, match=r"kiali-operator: .*names it, and it is not there \(make it first"):
        refuse_strangers(session(lab, BOTH), "dev")


def test_a_foreign_namespace_is_refused_with_the_setting_that_adopts_it(lab: Lab) -> None:
    with pytest.raises(MeshlabError, match=r"belongs to someone else, .*name it in cluster\.adoptNamespaces"):
        refuse_strangers(session(lab, PLAIN), "dev")
    refuse_strangers(session(lab, ADOPTING), "dev")


def test_it_is_used_as_its_owner_has_made_it(lab: Lab, owners: dict[str, Any]) -> None:
    driver(lab, **ADOPTING).up()
    now = namespace(lab)
    assert now == {**owners, "annotations": {**owners["annotations"], "meshlab.io/stack": "meshlab/dev"}}
    assert lab.unavailable_deployments() == []


def test_a_second_preview_has_no_changes_and_drift_finds_nothing(lab: Lab) -> None:
    refuse_strangers(session(lab, ADOPTING), "dev")
    assert changed(driver(lab, **ADOPTING).preview()) == set()
    seen = Inspection(driver(lab, **ADOPTING), lab.declared(**ADOPTING), lab.cluster.kubeconfig, lab.say).look()
    assert [finding.label for finding in seen.findings] == []


def test_doctor_has_no_problem_with_what_is_there(lab: Lab) -> None:
    stack = Stack.load("dev", charts=lab.charts, overlay={"cluster": ADOPTING["cluster"]})
    plan = plan_of(stack, default_kubernetes())
    (finding,) = admission(Cluster(lab.cluster.kubeconfig), plan)
    assert finding.text.endswith("pods would be let in")


def test_adopting_a_made_namespace_or_making_an_adopted_one_is_refused(lab: Lab) -> None:
    with pytest.raises(MeshlabError, match="was adopted, and would be made now"):
        refuse_strangers(session(lab, PLAIN), "dev")
    with pytest.raises(MeshlabError, match="kiali-operator: this stack has made it; to adopt it would be to delete"):
        refuse_strangers(session(lab, BOTH), "dev")


@pytest.mark.parametrize("time", ["first", "second"])
def test_removal_leaves_it_with_all_that_its_owner_had_in_it(lab: Lab, owners: dict[str, Any], time: str) -> None:
    """And nothing of the stack, so that it can come again."""
    if time == "second":
        driver(lab, **ADOPTING).up()
    removed = Removal(driver(lab, **ADOPTING), "dev", lab.cluster.kubeconfig, lab.say).run()
    assert [leftover.label for leftover in removed.leftovers] == []
    assert "it was there before the stack" in "\n".join(lines(removed.left))
    now = inventory(lab.cluster)
    assert {name: now.get(name) for name in lab.before} == lab.before
    assert [name for name in lab.left() if not documented(name)] == []
    assert namespace(lab) == owners
