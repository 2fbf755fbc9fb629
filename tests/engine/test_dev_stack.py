"""The whole life of the dev stack on the real engine and a real API server. The tests are one story, in file order."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandError

from meshlab.cluster import Cluster
from meshlab.engine import EngineDriver, find_command
from meshlab.lab import Outcome, Target, overlaid
from meshlab.recorder import Recording
from meshlab.toolchain import ToolsMissingError
from tests.support.charts import chart_folder
from tests.support.inventory import inventory, objects

NEEDED = ("pulumi", "pulumi-language-python", "pulumi-resource-kubernetes", "pulumi-resource-random")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on PATH: {', '.join(MISSING)}")

# Kept on destroy, since other teams' objects would go with them (docs/removing.md).
KEPT_GROUPS = (".istio.io", ".kiali.io", ".monitoring.coreos.com")


class Lab:
    """One cluster, one stack, and how to run the program on it with other settings."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.charts = str(chart_folder("dev"))
        self.lines: list[str] = []
        self.before = inventory(cluster)
        self.default_labels = self.labels_of_default()

    def driver(self, **over: Any) -> EngineDriver:
        config = overlaid("dev", {"charts": {"source": self.charts}, "kiali": {"awaitReady": False}, **over})
        target = Target(self.cluster.kubeconfig, embedded=True, label="test")
        return EngineDriver(find_command(print), target, "dev", config, self.lines.append, state=self.folder)

    def labels_of_default(self) -> dict[str, str]:
        (namespace,) = objects(self.cluster, "namespace", "default")
        return namespace["metadata"]["labels"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("engine")
    try:
        cluster = Cluster.up("engine", state_dir=folder, injection=True)
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    with cluster:
        yield Lab(cluster, folder)


def actions(outcome: Outcome) -> dict[str, str]:
    return {step.name: step.action for step in outcome.steps}


def test_preview_on_an_empty_cluster_lists_every_resource_custom_ones_included(lab: Lab, dev: Recording) -> None:
    planned = actions(lab.driver().preview())
    assert {resource.name for resource in dev.resources} <= set(planned)
    assert set(planned.values()) == {"create"}
    assert inventory(lab.cluster) == lab.before


def test_up_creates_every_resource_and_every_workload_becomes_available(lab: Lab, dev: Recording) -> None:
    done = actions(lab.driver().up())
    assert {resource.name for resource in dev.resources} <= set(done)
    deployments = objects(lab.cluster, "deployments", "-A")
    unavailable = [
        deployment["metadata"]["name"]
        for deployment in deployments
        if deployment["status"].get("availableReplicas") != deployment["spec"]["replicas"]
    ]
    assert len(deployments) >= 11
    assert unavailable == []


def test_workloads_of_default_are_in_the_mesh_and_envoy_is_not(lab: Lab) -> None:
    containers = {
        pod["metadata"]["labels"]["app"]: {container["name"] for container in pod["spec"]["containers"]}
        for pod in objects(lab.cluster, "pods", "-n", "default")
    }
    assert "istio-proxy" in containers["httpbin"]
    assert "istio-proxy" in containers["sleep"]
    assert "istio-proxy" not in containers["envoy"]
    assert lab.labels_of_default() == {**lab.default_labels, "istio.io/rev": "1-17"}


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    lab.driver().stack.preview(expect_no_changes=True)
    before = inventory(lab.cluster)
    assert not lab.driver().up().changed
    assert inventory(lab.cluster) == before


def test_changing_the_scenario_rolls_envoy_without_a_moment_without_one(lab: Lab) -> None:
    (old,) = _envoy_configs(lab)
    available: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            (envoy,) = objects(lab.cluster, "deployment", "envoy", "-n", "default")
            available.append(envoy["status"].get("availableReplicas", 0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        changed = {step.name for step in lab.driver(envoyDemo={"scenario": "retry"}).up().changed}
    finally:
        done.set()
        watcher.join()
    assert changed == {"envoy-demo-envoy-config", "envoy-demo-envoy-deployment"}
    assert len(available) > 5
    assert min(available) >= 1
    (new,) = _envoy_configs(lab)
    assert new != old
    (envoy,) = objects(lab.cluster, "deployment", "envoy", "-n", "default")
    volumes = envoy["spec"]["template"]["spec"]["volumes"]
    assert new in [volume.get("configMap", {}).get("name") for volume in volumes]


def _envoy_configs(lab: Lab) -> list[str]:
    return [item["metadata"]["name"] for item in objects(lab.cluster, "configmaps", "-n", "default", "-l", "app=envoy")]


def test_wrong_settings_are_lines_without_a_traceback_and_change_nothing(lab: Lab) -> None:
    before = inventory(lab.cluster)
    with pytest.raises(CommandError) as caught:
        lab.driver(envoyDemo={"scenario": "x"}, monitoring={"replicas": 0}).up()
    said = str(caught.value)
    assert "Pulumi.dev.yaml: meshlab:envoyDemo.scenario: expected 'base', 'timeout' or 'retry', got \"x\"" in said
    assert "Pulumi.dev.yaml: meshlab:monitoring.replicas: expected 1 or more, got 0" in said
    assert "Traceback" not in said
    assert inventory(lab.cluster) == before


def test_secrets_are_not_in_clear_in_the_state(lab: Lab) -> None:
    outcome = lab.driver(envoyDemo={"scenario": "retry"}).up()
    password = outcome.outputs["grafanaPassword"]
    assert len(password) == 24
    state = next((lab.folder / "pulumi").rglob("dev.json"))
    assert json.loads(state.read_text(encoding="utf-8"))
    assert password not in state.read_text(encoding="utf-8")
    assert not [line for line in lab.lines if password in line]


def test_destroy_leaves_only_what_is_documented_as_kept(lab: Lab) -> None:
    lab.driver().down()
    left = {name: uid for name, uid in inventory(lab.cluster).items() if name not in lab.before}
    assert left, "the CRDs are kept"
    unexplained = [name for name in left if not _documented(name)]
    assert unexplained == []
    assert lab.labels_of_default() == lab.default_labels
    crds = objects(lab.cluster, "crds")
    assert not [crd["metadata"]["name"] for crd in crds if crd["metadata"].get("deletionTimestamp")]


def _documented(name: str) -> bool:
    kind, _, where = name.partition(" ")
    if kind == "CustomResourceDefinition":
        return where.endswith(KEPT_GROUPS)
    # istiod writes its certificate authority's root into every namespace and takes it back from none.
    return kind == "ConfigMap" and where.endswith("/istio-ca-root-cert")


def test_a_later_up_goes_on_with_the_kept_crds(lab: Lab) -> None:
    kept = {item["metadata"]["name"]: item["metadata"]["uid"] for item in objects(lab.cluster, "crds")}
    lab.driver().up()
    lab.driver().stack.preview(expect_no_changes=True)
    now = {item["metadata"]["name"]: item["metadata"]["uid"] for item in objects(lab.cluster, "crds")}
    assert {name: now.get(name) for name in kept} == kept
