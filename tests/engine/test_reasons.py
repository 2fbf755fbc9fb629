"""What stops a run is named with the object, the condition and the field manager: on a real API server.

Each test gets a lab as a fresh install leaves it.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from meshlab.engine.reasons import reasons
from meshlab.target import LabError
from tests.support.broken import WIDGETS, lose_a_conversion
from tests.support.inventory import objects
from tests.support.lab import Lab, driver
from tests.support.labs import Labs
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)

QUICK: dict[str, Any] = {
    "istio": {"revisions": {"1-17": {"version": "1.17.6"}}, "timeoutSeconds": 30},
    "monitoring": {"timeoutSeconds": 30},
}
NODE_EXPORTER = "prom-prometheus-node-exporter"


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    found = Labs(lambda: tmp_path_factory.mktemp("reasons"), "reasons", QUICK, {})
    yield found
    found.close()


@pytest.fixture
def lab(labs: Labs) -> Iterator[Lab]:
    with labs.one() as lab:
        yield lab


def create(lab: Lab, manifest: dict[str, Any]) -> None:
    lab.cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))


def failure(lab: Lab, **over: Any) -> list[str]:
    """What an `up` with other settings fails with, line by line."""
    with pytest.raises(LabError) as caught:
        driver(lab, **{**QUICK, **over}).up()
    return str(caught.value).splitlines()


def test_a_quota_that_is_reached_is_named_with_the_workload_it_stops(lab: Lab) -> None:
    pods = len(objects(lab.cluster, "pods", "-n", "istio-system"))
    metadata = {"name": "team", "namespace": "istio-system"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"pods": str(pods)}}}
    create(lab, quota)
    try:
        eventually(
            lambda: objects(lab.cluster, "quota", "team", "-n", "istio-system")[0].get("status", {}).get("used"),
            "the quota is counted",
        )
        values = {"pilot": {"podAnnotations": {"rolls": "yes"}}}
        revision = {"version": "1.17.6", "values": values}
        told = failure(lab, istio={"revisions": {"1-17": revision}, "timeoutSeconds": 30})
    finally:
        lab.cluster.kubectl("delete", "quota", "team", "-n", "istio-system")
    assert told[0].startswith("istio-istiod-1-17: ")
    (why,) = [line for line in told if "ReplicaFailure" in line]
    assert why.startswith("in the cluster: Deployment istio-system/istiod-1-17: ReplicaFailure (FailedCreate): ")
    assert f"exceeded quota: team, requested: pods=1, used: pods={pods}, limited: pods={pods}" in why


def test_a_port_of_the_nodes_that_is_taken_is_named_with_the_pod_it_stops(lab: Lab) -> None:
    lab.cluster.kubectl("delete", "daemonset", NODE_EXPORTER, "-n", "prometheus")
    ports = [{"containerPort": 9100, "hostPort": 9100}]
    labels = {"app": "theirs"}
    spec = {"containers": [{"name": "exporter", "image": "example.invalid/exporter:1", "ports": ports}]}
    template = {"metadata": {"labels": {**labels, "sidecar.istio.io/inject": "false"}}, "spec": spec}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "theirs", "namespace": "kube-public"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    create(lab, theirs)
    lab.cluster.kubectl("rollout", "status", "daemonset/theirs", "-n", "kube-public", "--timeout=60s", timeout=90)
    try:
        told = failure(lab, monitoring={"timeoutSeconds": 30, "retention": "11d"})
    finally:
        lab.cluster.kubectl("delete", "daemonset", "theirs", "-n", "kube-public")
    (why,) = [line for line in told if NODE_EXPORTER in line and line.startswith("in the cluster: ")]
    assert f"DaemonSet prometheus/{NODE_EXPORTER}: Pod {NODE_EXPORTER}-" in why
    assert "FailedScheduling (Unschedulable): " in why
    assert "didn't have free ports for the requested pod ports" in why


def test_a_label_of_another_manager_is_named_with_object_and_manager(lab: Lab) -> None:
    label = ("label", "namespace", "default", "--overwrite", "--field-manager=other-team")
    lab.cluster.kubectl(*label, "istio.io/rev=theirs")
    try:
        with pytest.raises(LabError) as caught:
            driver(lab, **QUICK).restore(["istio-mesh-default"])
    finally:
        # Theirs no longer, so that the next run may have it.
        lab.cluster.kubectl(*label, "istio.io/rev-")
    told = str(caught.value)
    assert told.startswith("istio-mesh-default: ")
    assert 'conflict with "other-team"' in told
    assert ".metadata.labels.istio.io/rev" in told


def test_a_namespace_that_does_not_go_says_what_is_left_in_it_and_why(lab: Lab) -> None:
    lose_a_conversion(lab.cluster, "istioinaction")
    lab.cluster.kubectl("delete", "namespace", "istioinaction", "--wait=false")
    recorded = [
        resource for resource in driver(lab, **QUICK).recording.resources if resource.name == "sample-apps-namespace"
    ]

    def told() -> list[str]:
        return [line for line in reasons(lab.cluster.kubeconfig, recorded) if "ContentFailure" in line]

    (why,) = eventually(told, "Kubernetes says what holds the namespace")
    assert why.startswith("Namespace istioinaction: NamespaceDeletionContentFailure: ")
    assert "conversion webhook for example.com/v1, Kind=Widget failed" in why
    lab.cluster.kubectl("delete", "crd", WIDGETS, "--wait=false")
