"""The recorded program, applied to a real API server by helm and kubectl. The tests are one story, in file order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlab.cluster import Cluster
from meshlab.engineless import EnginelessDriver
from meshlab.lab import Outcome, Target, overlaid
from meshlab.recorder import Recording
from meshlab.toolchain import ToolsMissingError
from tests.support.charts import chart_folder
from tests.support.inventory import inventory, objects

KEPT_GROUPS = (".istio.io", ".kiali.io", ".monitoring.coreos.com")


class Lab:
    """One cluster, one stack, and how to apply it with other settings."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.charts = str(chart_folder("dev"))
        self.before = inventory(cluster)

    def driver(self, **over: Any) -> EnginelessDriver:
        config = overlaid("dev", {"charts": {"source": self.charts}, "kiali": {"awaitReady": False}, **over})
        target = Target(self.cluster.kubeconfig, embedded=True, label="test")
        return EnginelessDriver(target, "dev", config, print, state=self.folder)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    try:
        cluster = Cluster.up("lab-test", state_dir=folder, injection=True)
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    with cluster:
        yield Lab(cluster, folder)


def changed(outcome: Outcome) -> set[str]:
    return {step.name for step in outcome.changed}


def test_every_object_is_accepted_and_every_workload_becomes_available(lab: Lab, dev: Recording) -> None:
    outcome = lab.driver().up()
    expected = {r.name for r in dev.resources if r.custom and r.type.startswith("kubernetes:")}
    assert changed(outcome) == expected
    workloads = objects(lab.cluster, "deployments", "-A")
    assert len(workloads) >= 11
    unavailable = [
        workload["metadata"]["name"]
        for workload in workloads
        if workload["status"].get("availableReplicas") != workload["spec"]["replicas"]
    ]
    assert unavailable == []


def test_httpbin_and_sleep_have_their_sidecar_and_envoy_has_none(lab: Lab) -> None:
    names = {
        pod["metadata"]["labels"]["app"]: [container["name"] for container in pod["spec"]["containers"]]
        for pod in objects(lab.cluster, "pods", "-n", "default")
    }
    assert "istio-proxy" in names["httpbin"]
    assert "istio-proxy" in names["sleep"]
    assert "istio-proxy" not in names["envoy"]


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    before = inventory(lab.cluster)
    assert changed(lab.driver().up()) == set()
    assert inventory(lab.cluster) == before


def test_changing_the_scenario_rolls_envoy_and_leaves_no_old_config(lab: Lab) -> None:
    outcome = lab.driver(envoyDemo={"scenario": "timeout"}).up()
    assert changed(outcome) == {"envoy-demo-envoy-config", "envoy-demo-envoy-deployment"}
    configs = objects(lab.cluster, "configmaps", "-n", "default", "-l", "app=envoy")
    assert len(configs) == 1
    assert "timeout: 1s" in configs[0]["data"]["envoy.yaml"]


def test_the_monitors_carry_the_label_that_prometheus_selects_by(lab: Lab) -> None:
    (prometheus,) = objects(lab.cluster, "prometheuses.monitoring.coreos.com", "-n", "prometheus")
    selectors = [prometheus["spec"][kind]["matchLabels"] for kind in ("serviceMonitorSelector", "podMonitorSelector")]
    ours = objects(lab.cluster, "servicemonitors,podmonitors", "-n", "prometheus", "-l", "monitoring")
    assert len(ours) >= 2
    for monitor in ours:
        for selector in selectors:
            assert selector.items() <= monitor["metadata"]["labels"].items()


def test_removal_leaves_only_what_is_documented_as_kept(lab: Lab) -> None:
    lab.driver().down()
    left = [name for name in inventory(lab.cluster) if name not in lab.before]
    kinds = {name.partition(" ")[0] for name in left}
    assert kinds <= {"CustomResourceDefinition", "ConfigMap"}
    crds = [name for name in left if name.startswith("CustomResourceDefinition")]
    assert crds
    assert all(name.endswith(KEPT_GROUPS) for name in crds)
    # istiod writes its certificate authority's root into every namespace and takes it back from none.
    assert all(name.endswith("/istio-ca-root-cert") for name in left if name.startswith("ConfigMap"))
    (default,) = objects(lab.cluster, "namespace", "default")
    assert "istio.io/rev" not in default["metadata"]["labels"]
