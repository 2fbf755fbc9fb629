"""Which pods of a cluster with a real node go there."""

from typing import Any

import pytest

from embedded.node import NODE
from embedded.node.placement import nodes_for

NODES = ("node-1", NODE, "node-2")
HERE = ("docker.io/library/python:3", "quay.io/prometheus/prometheus:v3")


def placed(nodes: tuple[str, ...] = NODES, **spec: Any) -> list[str]:
    return nodes_for({"spec": {"containers": [{"image": "python:3"}], **spec}}, nodes, HERE)


def test_a_pod_whose_images_are_all_there_goes_to_the_real_node() -> None:
    assert placed(initContainers=[{"image": "quay.io/prometheus/prometheus:v3"}]) == [NODE]


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_a_pod_that_lacks_one_image_stays_simulated(where: str) -> None:
    images = [{"image": "python:3"}, {"image": "grafana/grafana:12"}]
    assert placed(**{where: images}) == ["node-1", "node-2"]


def test_another_tag_is_another_image() -> None:
    assert placed(containers=[{"image": "python:4"}]) == ["node-1", "node-2"]


@pytest.mark.parametrize("volume", [{"persistentVolumeClaim": {"claimName": "data"}}, {"ephemeral": {}}])
def test_a_pod_with_a_claim_stays_simulated(volume: dict[str, Any]) -> None:
    assert placed(volumes=[{"name": "data", **volume}]) == ["node-1", "node-2"]


def test_a_pod_that_can_run_waits_for_the_real_node() -> None:
    assert placed(("node-1", "node-2")) == []


def test_a_pod_of_a_daemon_set_goes_to_its_node() -> None:
    named = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [named]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    assert placed(("node-1",), affinity={"nodeAffinity": required}) == ["node-1"]


def test_a_selector_that_every_node_has_changes_nothing() -> None:
    selector = {"kubernetes.io/os": "linux"}
    assert placed(nodeSelector=selector) == [NODE]
    assert placed(nodeSelector=selector, containers=[{"image": "nginx"}]) == ["node-1", "node-2"]
