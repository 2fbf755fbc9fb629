"""The recorded program, applied to a real API server by helm and kubectl. The tests are one story, in file order."""

from collections.abc import Iterator
from typing import Any

import pytest
from meshlab.engineless import EnginelessDriver

from meshlab.recorder import Recording
from tests.support.inventory import inventory, objects
from tests.support.lab import Lab, changed, documented, running_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab"), "engineless") as lab:
        yield lab


def driver(lab: Lab, **over: Any) -> EnginelessDriver:
    return EnginelessDriver(lab.target, lab.stack, lab.config(**over), lab.say, state=lab.folder)


def test_every_object_is_accepted_and_every_workload_becomes_available(lab: Lab, dev: Recording) -> None:
    expected = {r.name for r in dev.resources if r.custom and r.type.startswith("kubernetes:")}
    assert changed(driver(lab).up()) == expected
    assert len(objects(lab.cluster, "deployments", "-A")) >= 11
    assert lab.unavailable_deployments() == []


def test_httpbin_and_sleep_have_their_sidecar_and_envoy_has_none(lab: Lab) -> None:
    containers = lab.containers_in_default()
    assert "istio-proxy" in containers["httpbin"]
    assert "istio-proxy" in containers["sleep"]
    assert "istio-proxy" not in containers["envoy"]


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    before = inventory(lab.cluster)
    assert changed(driver(lab).up()) == set()
    assert inventory(lab.cluster) == before


def test_changing_the_scenario_rolls_envoy_and_leaves_no_old_config(lab: Lab) -> None:
    (old,) = lab.envoy_configs()
    outcome = driver(lab, envoyDemo={"scenario": "timeout"}).up()
    # Both ConfigMaps go by the one logical name: the new one is applied, the old one removed after the roll.
    assert changed(outcome) == {"envoy-demo-envoy-config", "envoy-demo-envoy-deployment"}
    (new,) = lab.envoy_configs()
    assert new != old


def test_the_monitors_carry_the_label_that_prometheus_selects_by(lab: Lab) -> None:
    (prometheus,) = objects(lab.cluster, "prometheuses.monitoring.coreos.com", "-n", "prometheus")
    selectors = [prometheus["spec"][kind]["matchLabels"] for kind in ("serviceMonitorSelector", "podMonitorSelector")]
    ours = objects(lab.cluster, "servicemonitors,podmonitors", "-n", "prometheus", "-l", "monitoring")
    assert len(ours) >= 2
    for monitor in ours:
        for selector in selectors:
            assert selector.items() <= monitor["metadata"]["labels"].items()


def test_removal_leaves_only_what_is_documented_as_kept(lab: Lab) -> None:
    driver(lab).down()
    left = lab.left()
    assert any(name.startswith("CustomResourceDefinition") for name in left)
    assert [name for name in left if not documented(name)] == []
    assert lab.labels_of_default() == lab.default_labels
