"""Removal on the real engine and a real API server: in order, with a report of what is left, and nothing of others.

The tests are one story, in file order.
"""

import json
import time
from collections.abc import Iterator

import pytest

from base.errors import MeshlabError
from meshlab.ownership.leftovers import lines
from meshlab.remove.removal import Removal, Removed
from tests.support.hand_edits import patch
from tests.support.inventory import inventory, objects
from tests.support.kiali_operator import stand_in_operator
from tests.support.lab import Lab, documented, driver, running_lab
from tests.support.waiting import HANGS

FINALIZER = "kiali.io/finalizer"
OTHERS = "other-team"
WORKLOAD_GROUPS = "workloadgroups.networking.istio.io"
MONITOR = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "theirs", "namespace": OTHERS},
    "spec": {"selector": {}, "endpoints": []},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("removal"), "removal") as lab:
        driver(lab).up()
        lab.cluster.kubectl("create", "namespace", OTHERS)
        lab.cluster.kubectl("create", "-f", "-", stdin=json.dumps(MONITOR))
        yield lab


def removal(lab: Lab) -> Removal:
    return Removal(driver(lab), lab.stack, lab.cluster.kubeconfig, lab.say)


def finalizer(lab: Lab) -> None:
    patch("istio-system", "kiali", "kiali", {"metadata": {"finalizers": [FINALIZER]}})(lab.cluster)


def explained(removed: Removed) -> dict[str, str]:
    return {leftover.label: leftover.reason.why if leftover.reason else "" for leftover in removed.left}


def test_a_kiali_that_no_operator_lets_go_is_said_in_a_line_with_the_command(lab: Lab) -> None:
    finalizer(lab)
    lab.cluster.kubectl("scale", "deployment/kiali-operator", "-n", "kiali-operator", "--replicas=0")
    lab.cluster.kubectl("wait", "--for=delete", "pods", "--all", "-n", "kiali-operator", "--timeout=60s", timeout=90)
    before = inventory(lab.cluster)
    started = time.monotonic()
    with pytest.raises(MeshlabError) as caught:
        removal(lab).run(kiali_limit=HANGS)
    assert time.monotonic() - started < HANGS
    (line,) = str(caught.value).splitlines()
    assert FINALIZER in line
    assert "kubectl patch kiali kiali --namespace istio-system --type merge -p" in line
    assert inventory(lab.cluster) == before


def test_a_kiali_whose_operator_does_not_answer_is_said_within_the_limit(lab: Lab) -> None:
    lab.cluster.kubectl("scale", "deployment/kiali-operator", "-n", "kiali-operator", "--replicas=1")
    lab.cluster.kubectl(
        "wait", "--for=condition=Available", "deployment/kiali-operator", "-n", "kiali-operator", "--timeout=60s"
    )
    with pytest.raises(MeshlabError, match="its operator has not within 3 s"):
        removal(lab).run(kiali_limit=3)


def test_without_agreement_to_what_goes_with_the_crds_nothing_is_removed(lab: Lab) -> None:
    before = inventory(lab.cluster)
    asked: list[str] = []

    def no(loss: str) -> bool:
        asked.append(loss)
        return False

    with pytest.raises(MeshlabError, match="nothing is removed"):
        removal(lab).run(purge_crds=no)
    assert "1 ServiceMonitor (other-team/theirs)" in asked[0]
    assert inventory(lab.cluster) == before


def test_a_crd_that_its_chart_deletes_stays_while_others_use_it(lab: Lab) -> None:
    if WORKLOAD_GROUPS not in removal(lab).leaving_crds():
        pytest.skip("these charts keep every CRD of theirs")
    group = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "WorkloadGroup",
        "metadata": {"name": "theirs", "namespace": OTHERS},
        "spec": {"template": {"serviceAccount": "default"}},
    }
    lab.cluster.kubectl("create", "-f", "-", stdin=json.dumps(group))
    before = inventory(lab.cluster)
    with pytest.raises(MeshlabError, match=rf"CRD {WORKLOAD_GROUPS}: .* 1 WorkloadGroup \(other-team/theirs\)"):
        removal(lab).run()
    assert inventory(lab.cluster) == before
    lab.cluster.kubectl("delete", "workloadgroup/theirs", "-n", OTHERS)


def test_removal_waits_for_the_operator_and_explains_all_that_is_left(lab: Lab) -> None:
    # What the Prometheus operator makes on a cluster where it runs.
    kubelet = ("service/prom-kube-prometheus-stack-kubelet", "-n", "kube-system")
    lab.cluster.kubectl("create", "service", "clusterip", kubelet[0].partition("/")[2], *kubelet[1:], "--tcp=10250")
    lab.cluster.kubectl("label", *kubelet, "app.kubernetes.io/managed-by=prometheus-operator")
    with stand_in_operator(lab.cluster, 10) as took:
        removed = removal(lab).run()
    assert len(took) == 1
    assert removed.leftovers == []
    # The report has all that was not there before, and what is not in it is not ours.
    left = [name for name in lab.left() if OTHERS not in name and "/theirs" not in name]
    assert sorted(label for label in explained(removed) if OTHERS not in label) == sorted(
        " ".join(name.replace(" /", " ").split()) for name in left
    )
    assert all(explained(removed).values())
    assert [name for name in left if not documented(name)] == []
    assert lab.labels_of_default() == lab.default_labels
    text = "\n".join(lines(removed.left))
    assert "monitoring.coreos.com: " in text
    assert "0 left over" in text


def test_other_teams_objects_are_still_there(lab: Lab) -> None:
    assert [object_["metadata"]["name"] for object_ in objects(lab.cluster, "servicemonitors", "-n", OTHERS)] == [
        "theirs"
    ]


def test_a_later_up_goes_on_with_the_kept_crds(lab: Lab) -> None:
    kept = lab.crds()
    driver(lab).up()
    now = lab.crds()
    assert {name: now.get(name) for name in kept} == kept


def test_what_nobody_can_explain_is_reported_by_its_mark_with_a_command(lab: Lab) -> None:
    planted = {
        "ClusterRole planted": {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "planted", "labels": {"app.kubernetes.io/instance": "prom"}},
        },
        "ClusterRoleBinding planted": {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "planted"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "istiod-1-17", "namespace": "istio-system"}],
        },
        "Secret default/planted": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "planted",
                "namespace": "default",
                "annotations": {
                    "meta.helm.sh/release-name": "prom",
                    "meta.helm.sh/release-namespace": "prometheus",
                },
            },
        },
        "ValidatingWebhookConfiguration planted": {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "planted"},
            "webhooks": [
                {
                    "name": "planted.example.com",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": "Ignore",
                    "clientConfig": {"service": {"name": "istiod-1-17", "namespace": "istio-system"}},
                }
            ],
        },
        "PersistentVolume planted": {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "planted"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Delete",
                "claimRef": {"name": "prometheus-db", "namespace": "prometheus"},
                "hostPath": {"path": "/none"},
            },
        },
    }
    for manifest in planted.values():
        lab.cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    removed = removal(lab).run()
    assert {leftover.label for leftover in removed.leftovers} == set(planted)
    for leftover in removed.leftovers:
        assert leftover.mark
        lab.cluster.kubectl(*leftover.command.split()[1:])
    assert [name for name in lab.left() if "planted" in name] == []


def test_crds_can_be_purged_later_with_all_their_objects_and_nothing_is_left(lab: Lab) -> None:
    asked: list[str] = []

    def yes(loss: str) -> bool:
        asked.append(loss)
        return True

    removed = removal(lab).run(purge_crds=yes)
    assert "1 ServiceMonitor (other-team/theirs)" in asked[0]
    assert removed.leftovers == []
    assert [name for name in explained(removed) if name.startswith("CustomResourceDefinition")] == []
    assert [name for name in lab.left() if name.startswith("CustomResourceDefinition")] == []


def test_where_nobody_else_has_objects_all_goes_at_once(lab: Lab) -> None:
    driver(lab).up()
    asked: list[str] = []

    def yes(loss: str) -> bool:
        asked.append(loss)
        return True

    removed = removal(lab).run(purge_crds=yes)
    assert "no object that is not this stack's" in asked[0]
    assert removed.leftovers == []
    assert lab.crds() == {}
