"""From the lab's versions of 2023 to the supported ones, in one `up` on the real engine. One story, in file order.

It begins on a cluster in which somebody had the Prometheus operator's CRDs before, as helm installs them by default.
"""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from base import process
from embedded.tools import toolchain
from meshlab.doctor.examination import Question, examine
from meshlab.engine.outcome import Outcome
from meshlab.preflight.finding import Finding, Level
from meshlab.stack import Stack
from meshlab.target import LabError
from tests.support.inventory import objects
from tests.support.lab import Lab, changed, documented, driver, running_lab

NEW = {
    "istio": {
        "revisions": {"1-17": {"version": "1.17.6"}, "1-30": {"version": "1.30.3"}},
        "defaultRevision": "1-17",
    },
    "monitoring": {"version": "88.5.3"},
    "kiali": {"version": "2.29.0", "awaitReady": False},
}
OPERATOR_VERSION = "operator.prometheus.io/version"
CUSTOM = (
    "alertmanagers.monitoring.coreos.com,podmonitors,prometheuses.monitoring.coreos.com,prometheusrules,"
    "servicemonitors,kialis"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("upgrade"), "upgrade", over=NEW) as lab:
        yield lab


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What one step of the story has seen, for a later one."""
    return {}


def uids(lab: Lab) -> dict[str, str]:
    """UIDs of every custom object of ours and of others, by kind, namespace and name."""
    return {
        f"{object_['kind']} {object_['metadata']['namespace']}/{object_['metadata']['name']}": object_["metadata"][
            "uid"
        ]
        for object_ in objects(lab.cluster, CUSTOM, "-A")
    }


def operator_crds(lab: Lab) -> dict[str, dict[str, Any]]:
    return {
        crd["metadata"]["name"]: crd
        for crd in objects(lab.cluster, "crds")
        if crd["metadata"]["name"].endswith(".monitoring.coreos.com")
    }


def doctors_findings(lab: Lab) -> list[Finding]:
    question = Question(Stack.load(lab.stack, charts=lab.charts), lab.target, lab.folder)
    return [finding for finding in examine(question, lab.say) if finding.subject == "crds"]


def test_crds_without_an_owner_are_handed_over_by_the_commands_of_doctor(lab: Lab, seen: dict[str, Any]) -> None:
    helm = toolchain.ensure(["helm"])["helm"]
    chart = f"{lab.charts}/prometheus-operator-crds-0.1.0.tgz"
    manifests = process.run([helm, "template", "any", chart, "--include-crds"], timeout=60).stdout
    lab.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=manifests, timeout=120)
    bare = {name: crd["metadata"]["uid"] for name, crd in operator_crds(lab).items()}
    assert len(bare) >= 7

    with pytest.raises(LabError, match="invalid ownership metadata"):
        driver(lab).up()
    (problem,) = doctors_findings(lab)
    assert problem.level is Level.PROBLEM
    for line in problem.fix.splitlines()[1:]:
        command, *words = shlex.split(line)
        assert command == "kubectl"
        lab.cluster.kubectl(*words)
    assert [finding.level for finding in doctors_findings(lab)] == [Level.OK]

    driver(lab).up()
    assert {name: crd["metadata"]["uid"] for name, crd in operator_crds(lab).items()} == bare
    seen["before"] = uids(lab)
    assert len(seen["before"]) >= 10


def test_one_up_takes_the_lab_to_the_supported_versions(lab: Lab, seen: dict[str, Any]) -> None:
    old_kinds = set(operator_crds(lab))
    outcome: Outcome = driver(lab, **NEW).up()
    seen["changed"] = changed(outcome)
    found = operator_crds(lab)
    assert {crd["metadata"]["annotations"][OPERATOR_VERSION] for crd in found.values()} == {"0.93.1"}
    assert "scrapeconfigs.monitoring.coreos.com" in set(found) - old_kinds
    assert lab.unavailable_deployments() == []


def test_no_custom_object_went_or_came_anew_on_the_way(lab: Lab, seen: dict[str, Any]) -> None:
    now = uids(lab)
    # The stack's own rules and monitors come and go with its chart. What is there before and after is the same object.
    stayed = {name: uid for name, uid in seen["before"].items() if name in now}
    assert {name: now[name] for name in stayed} == stayed
    ours = {name for name in stayed if "istio" in name or "mesh" in name or "envoy" in name or "Kiali" in name}
    assert len(ours) >= 4
    assert {"Prometheus prometheus/prom-kube-prometheus-stack-prometheus", "Kiali istio-system/kiali"} <= set(stayed)


def test_monitors_and_dashboards_are_left_alone(seen: dict[str, Any]) -> None:
    touched = {name for name in seen["changed"] if name.startswith("mesh-monitors-")}
    assert touched == set()


def test_kiali_is_told_what_its_new_operator_knows(lab: Lab) -> None:
    (kiali,) = objects(lab.cluster, "kialis", "-A")
    assert "istio_namespace" not in kiali["spec"]
    assert "internal_url" in kiali["spec"]["external_services"]["grafana"]


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    driver(lab, **NEW).stack.preview(expect_no_changes=True)


def test_going_back_to_older_crds_is_a_problem_that_doctor_names(lab: Lab) -> None:
    # doctor looks at the stack file, which still has the versions of 2023.
    assert any("newer operator" in finding.text and finding.level is Level.PROBLEM for finding in doctors_findings(lab))


def test_destroy_leaves_only_what_is_documented_as_kept(lab: Lab) -> None:
    driver(lab, **NEW).down()
    assert [name for name in lab.left() if not documented(name)] == []
