"""The whole life of the dev stack on the real engine and a real API server, by the driver and the `pulumi` command.

The tests are one story, in file order.
"""

import json
import re
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from meshlab.engine.events import log_file, read
from meshlab.engine.outcome import Outcome
from meshlab.graph.critical_path import chain_of
from meshlab.recording.dependencies import needs_of
from meshlab.recording.recorder import ROOT, Recording
from meshlab.target import LabError
from tests.support.by_hand import pulumi
from tests.support.inventory import AUTOMANAGED, OF_THE_CLUSTER, inventory, objects
from tests.support.lab import Lab, changed, documented, driver, running_lab, state_file
from tests.support.waiting import eventually

RETRY = {"envoyDemo": {"scenario": "retry"}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("engine"), "engine") as lab:
        yield lab


def actions(outcome: Outcome) -> dict[str, str]:
    return {step.name: step.action for step in outcome.steps}


def test_preview_on_an_empty_cluster_lists_every_resource_custom_ones_included(lab: Lab, dev: Recording) -> None:
    planned = actions(driver(lab).preview())
    assert {resource.name for resource in dev.resources} <= set(planned)
    assert set(planned.values()) == {"create"}
    assert lab.left() == []


def test_up_creates_every_resource_and_every_workload_becomes_available(lab: Lab, dev: Recording) -> None:
    outcome = driver(lab).up()
    # Beside the program's: the stack itself, and the providers that the engine starts for what names none.
    of_the_engine = re.compile(r"meshlab-dev|default(_[0-9_]+)?")
    made = {name for name in changed(outcome) if not of_the_engine.fullmatch(name)}
    assert made == {resource.name for resource in dev.resources}
    assert len(objects(lab.cluster, "deployments", "-A")) >= 11
    assert lab.unavailable_deployments() == []


def test_the_inventory_of_the_tests_is_what_kubectl_lists(lab: Lab) -> None:
    def by_kubectl() -> dict[str, str]:
        kinds = lab.cluster.kubectl("api-resources", "--verbs=list", "-o", "name").stdout.split()
        listed = objects(lab.cluster, ",".join(kind for kind in kinds if kind not in OF_THE_CLUSTER), "-A")
        metadata = [(item["kind"], item["metadata"]) for item in listed]
        return {
            f"{kind} {one.get('namespace', '')}/{one['name']}": one["uid"]
            for kind, one in metadata
            if AUTOMANAGED not in one.get("labels", {})
        }

    # Controllers may still be at work between the two.
    eventually(lambda: inventory(lab.cluster) == by_kubectl(), "both list the same")


def test_of_call_stacks_the_state_has_only_lines_of_the_program(lab: Lab) -> None:
    state = json.loads(state_file(lab.folder).read_text(encoding="utf-8"))
    resources = state["checkpoint"]["latest"]["resources"]
    told = {
        place["sourcePosition"].partition("#")[0]
        for one in resources
        for place in (one, *one.get("stackTrace", ()))
        if "sourcePosition" in place
    }
    assert told >= {"project:///__main__.py", "project:///components/kube_prometheus_stack.py"}
    assert [file for file in told if not (ROOT / file.removeprefix("project:///")).is_file() or ".." in file] == []


def test_the_engine_keeps_no_checksum_beside_the_state(lab: Lab) -> None:
    assert state_file(lab.folder).is_file()
    assert list((lab.folder / "pulumi").rglob("*.attrs")) == []


def test_the_deciding_chain_begins_without_needs_and_ends_with_the_last(lab: Lab, dev: Recording) -> None:
    run, needs = read(log_file(lab.stack, lab.folder)), needs_of(dev.resources)
    assert run.spans.keys() >= needs.keys()
    assert {run.spans[urn].how for urn in needs} == {""}
    chain = chain_of(run, needs)
    first, *_, last = chain.links
    assert needs[first.span.urn] == set()
    assert last.span.ended == max(run.spans[urn].ended for urn in needs)
    for before, after in pairwise(chain.links):
        assert before.span.urn in needs[after.span.urn]
    assert min(link.gap for link in chain.links) >= 0
    assert chain.own + chain.gaps == pytest.approx(last.span.ended)
    assert last.span.ended <= chain.seconds
    assert chain.own > chain.seconds / 4


def test_of_what_the_engine_tells_the_log_keeps_names_and_times_alone(lab: Lab) -> None:
    lines = [json.loads(line) for line in log_file(lab.stack, lab.folder).read_text(encoding="utf-8").splitlines()]
    contents = [value for line in lines for key, value in line.items() if key != "timestamp"]
    assert {key for content in contents for key in content} == {"metadata"}
    assert {key for content in contents for key in content.get("metadata", {})} == {"op", "urn"}


def test_workloads_of_default_are_in_the_mesh_and_envoy_is_not(lab: Lab) -> None:
    containers = lab.containers_in_default()
    assert "istio-proxy" in containers["httpbin"]
    assert "istio-proxy" in containers["sleep"]
    assert "istio-proxy" not in containers["envoy"]
    assert lab.labels_of_default() == {**lab.default_labels, "istio.io/rev": "1-17"}


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    driver(lab).stack.preview(expect_no_changes=True)
    before = inventory(lab.cluster)
    assert not changed(driver(lab).up())
    assert inventory(lab.cluster) == before


def test_the_log_of_a_pulumi_up_by_hand_has_a_chain_too(lab: Lab, dev: Recording, tmp_path: Path) -> None:
    pulumi(driver(lab), tmp_path, "up", "--yes", "--skip-preview", "--event-log", str(tmp_path / "events"))
    run, needs = read(tmp_path / "events"), needs_of(dev.resources)
    assert run.spans.keys() >= needs.keys()
    chain = chain_of(run, needs)
    assert needs[chain.links[0].span.urn] == set()
    assert chain.own + chain.gaps <= chain.seconds


def test_changing_the_scenario_rolls_envoy_without_a_moment_without_one(lab: Lab) -> None:
    (old,) = lab.envoy_configs()
    available: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            (envoy,) = objects(lab.cluster, "deployment", "envoy", "-n", "default")
            available.append(envoy["status"].get("availableReplicas", 0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = driver(lab, **RETRY).up()
    finally:
        done.set()
        watcher.join()
    assert changed(outcome) == {"envoy-demo-envoy-config", "envoy-demo-envoy-deployment"}
    assert len(available) > 5
    assert min(available) >= 1
    (new,) = lab.envoy_configs()
    assert new != old
    (envoy,) = objects(lab.cluster, "deployment", "envoy", "-n", "default")
    volumes = envoy["spec"]["template"]["spec"]["volumes"]
    assert new in [volume.get("configMap", {}).get("name") for volume in volumes]


def test_wrong_settings_are_lines_without_a_traceback_and_change_nothing(lab: Lab) -> None:
    before = inventory(lab.cluster)
    with pytest.raises(LabError) as caught:
        driver(lab, envoyDemo={"scenario": "x"}, monitoring={"replicas": 0}).up()
    said = str(caught.value)
    assert "Pulumi.dev.yaml: meshlab:envoyDemo.scenario: expected 'base', 'timeout' or 'retry', got \"x\"" in said
    assert "Pulumi.dev.yaml: meshlab:monitoring.replicas: expected 1 or more, got 0" in said
    assert "Traceback" not in said
    assert inventory(lab.cluster) == before


def test_the_monitors_carry_the_label_that_prometheus_selects_by(lab: Lab) -> None:
    (prometheus,) = objects(lab.cluster, "prometheuses.monitoring.coreos.com", "-n", "prometheus")
    selectors = [prometheus["spec"][kind]["matchLabels"] for kind in ("serviceMonitorSelector", "podMonitorSelector")]
    ours = objects(lab.cluster, "servicemonitors,podmonitors", "-n", "prometheus", "-l", "monitoring")
    assert len(ours) >= 2
    for monitor in ours:
        for selector in selectors:
            assert selector.items() <= monitor["metadata"]["labels"].items()


def test_grafanas_password_is_an_output_and_nowhere_in_clear(lab: Lab) -> None:
    retry = driver(lab, **RETRY)
    retry.up()
    password = retry.stack.outputs()["grafanaPassword"].value
    assert len(password) == 24
    state = next((lab.folder / "pulumi").rglob("dev.json")).read_text(encoding="utf-8")
    assert json.loads(state)["checkpoint"]
    assert password not in state
    assert not [line for line in lab.lines if password in line]


def test_destroy_leaves_only_what_is_documented_as_kept(lab: Lab) -> None:
    driver(lab).down()
    left = lab.left()
    assert any(name.startswith("CustomResourceDefinition") for name in left)
    assert [name for name in left if not documented(name)] == []
    assert lab.labels_of_default() == lab.default_labels
    leaving = [crd for crd in objects(lab.cluster, "crds") if crd["metadata"].get("deletionTimestamp")]
    assert leaving == []


def test_a_later_up_goes_on_with_the_kept_crds(lab: Lab) -> None:
    kept = lab.crds()
    driver(lab).up()
    driver(lab).stack.preview(expect_no_changes=True)
    now = lab.crds()
    assert {name: now.get(name) for name in kept} == kept


# The driver runs the program in its own process, the command by a language host: one stack and one state, either way.


def preferences(lab: Lab) -> dict[str, str]:
    """What is in the environment of somebody who has settings for other things, and several kubeconfigs."""
    helm = {"HELM_DRIVER": "configmap", "PULUMI_K8S_HELM_DRIVER": "configmap"}
    listed = f"{lab.folder}/none:{lab.cluster.kubeconfig}"
    return {**helm, "HELM_KUBECONTEXT": "prod-eu", "HELM_KUBEASUSER": "boss", "KUBECONFIG": listed}


def test_what_the_driver_brought_up_the_command_previews_without_changes(lab: Lab) -> None:
    pulumi(driver(lab), lab.folder, "preview", "--expect-no-changes", **preferences(lab))


def test_what_the_command_changes_the_driver_previews_without_changes(lab: Lab) -> None:
    said = pulumi(driver(lab, **RETRY), lab.folder, "up", "--yes", "--skip-preview")
    assert "envoy-demo-envoy-config" in said
    assert not changed(driver(lab, **RETRY).preview(expect_no_changes=True))


def test_the_command_destroys_what_the_driver_brought_up(lab: Lab) -> None:
    pulumi(driver(lab, **RETRY), lab.folder, "destroy", "--yes", "--skip-preview", **preferences(lab))
    assert (driver(lab).stack.export_stack().deployment or {}).get("resources") is None
    assert lab.unavailable_deployments() == []
    assert lab.envoy_configs() == []
    assert [name for name in lab.left() if not documented(name)] == []
