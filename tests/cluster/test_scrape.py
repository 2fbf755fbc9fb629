"""A real Prometheus, configured by the real operator from the program's own objects, scrapes each thing once."""

import pytest

from tests.support import claims
from tests.support.evidence import MONITORS, Evidence
from tests.support.monitor_mutants import CLAIMS
from tests.support.shapes import CHART_TAG, SHAPES, SIDECARS, VERSIONS, Shape

EXPECTED = {
    "istio-component-monitor": len(VERSIONS),
    "envoy-stats-monitor": len(SIDECARS),
    "envoy-demo-monitor": 1,
}
"""Targets of each monitor of the program."""


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_monitor_has_exactly_the_expected_targets_with_their_labels(evidence: Evidence, monitor: str) -> None:
    targets = evidence.pools.get(monitor, [])
    CLAIMS[monitor](targets, evidence.pods)
    assert len(targets) == EXPECTED[monitor]


def test_every_scrape_succeeds_and_up_says_so(evidence: Evidence) -> None:
    for monitor in MONITORS:
        claims.all_are_healthy(evidence.pools[monitor])
    up = evidence.metrics["up"]
    assert [series["value"][1] for series in up] == ["1"] * sum(EXPECTED.values())


def test_what_is_scraped_are_the_metrics_of_real_istiods_and_of_real_envoys(evidence: Evidence) -> None:
    assert {
        series["metric"]["istio_rev"]: series["value"][1] for series in evidence.metrics["istiods"]
    } == dict.fromkeys(VERSIONS, "1")
    live = {(sidecar["metric"]["namespace"], sidecar["metric"]["pod_name"]) for sidecar in evidence.metrics["sidecars"]}
    assert len(live) == len(SIDECARS)
    assert [series["metric"]["job"] for series in evidence.metrics["standalone"]] == ["envoy"]


def test_several_services_lead_to_one_istiod_that_is_scraped_once(evidence: Evidence) -> None:
    pilots = {
        service["metadata"]["name"]
        for service in evidence.services
        if service["metadata"].get("labels", {}).get("istio") == "pilot"
    }
    assert pilots == {"istiod", f"istiod-revision-tag-{CHART_TAG}", *(f"istiod-{revision}" for revision in VERSIONS)}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_pod_is_scraped_once_or_not_at_all_by_its_shape(evidence: Evidence, shape: Shape) -> None:
    found = [
        target
        for target in evidence.pools["envoy-stats-monitor"]
        if (target["labels"]["namespace"], target["labels"]["pod"]) == (shape.namespace, shape.name)
    ]
    assert [target["labels"]["istio_rev"] for target in found] == ([shape.scraped] if shape.scraped else [])
    if shape.ipv6:
        assert [target["scrapeUrl"] for target in found] == [f"http://[{shape.ipv6}]:15020/stats/prometheus"]


def test_the_shapes_are_what_they_are_meant_to_be(evidence: Evidence) -> None:
    """Else a pod could be left out for another reason than the one it stands for."""
    pods = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in evidence.pods}
    shape = {shape.name: pods[shape.namespace, shape.name] for shape in SHAPES}
    with_sidecar = {name for name, pod in shape.items() if "istio-proxy" in claims.containers(pod)}
    assert with_sidecar == shape.keys() - {"opted-out", "outside"}
    annotated = {name for name, pod in shape.items() if "prometheus.io/scrape" in pod["metadata"]["annotations"]}
    assert annotated == shape.keys() - {"not-merged"}
    (proxy,) = [
        case
        for case in (
            *shape["many-proxy-ports"]["spec"].get("initContainers", ()),
            *shape["many-proxy-ports"]["spec"]["containers"],
        )
        if case["name"] == "istio-proxy"
    ]
    assert {15021, 15053, 15090} <= {port["containerPort"] for port in proxy["ports"]}
    assert shape["ipv6"]["status"]["podIPs"] == [{"ip": shape["ipv6"]["status"]["podIP"]}]


def test_every_rule_of_the_program_is_loaded_and_evaluates_without_error(evidence: Evidence) -> None:
    claims.all_rules_are_loaded(evidence.rules, evidence.rule_objects)
    assert len(evidence.rule_objects) == 12
