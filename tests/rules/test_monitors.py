"""What the monitors' relabelings make of targets, by a real Prometheus that is given the labels discovery would find.

Static targets stand in for Kubernetes; their addresses are loopback, so that a scrape leaves nothing. That the operator
turns the monitors into the same configuration is the cluster tier's to show.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.prometheus import NO_PROXY, Prometheus, tools

MONITORS = Path(__file__).resolve().parents[2] / "manifests" / "mesh_monitors"
META = "__meta_kubernetes_"
STATUS = '{"initContainers":["istio-init"],"containers":["istio-proxy"],"volumes":null,"revision":"1-17"}'
SIDECAR = {
    "__address__": "127.0.0.5:15090",
    f"{META}namespace": "default",
    f"{META}pod_name": "httpbin-1",
    f"{META}pod_ip": "127.0.0.5",
    f"{META}pod_container_name": "istio-proxy",
    f"{META}pod_annotationpresent_prometheus_io_scrape": "true",
    f"{META}pod_annotation_prometheus_io_scrape": "true",
    f"{META}pod_annotation_prometheus_io_port": "15020",
    f"{META}pod_annotation_sidecar_istio_io_status": STATUS,
    f"{META}pod_label_app": "httpbin",
}
NAMES = ("istio-component-monitor", "envoy-stats-monitor", "envoy-demo-monitor")


def monitor(name: str) -> dict[str, Any]:
    return yaml.safe_load((MONITORS / f"{name}.yaml").read_text())


def without(labels: dict[str, str], *names: str) -> dict[str, str]:
    return {label: value for label, value in labels.items() if label not in names}


TARGETS = {
    "a sidecar": SIDECAR,
    "another port of the same sidecar": SIDECAR | {"__address__": "127.0.0.5:15021"},
    "its application": SIDECAR | {f"{META}pod_container_name": "httpbin"},
    "a pod that does not want to be scraped": SIDECAR
    | {
        f"{META}pod_name": "no",
        "__address__": "127.0.0.7:15090",
        f"{META}pod_ip": "127.0.0.7",
        f"{META}pod_annotation_prometheus_io_scrape": "false",
    },
    "a pod that is not annotated": without(
        SIDECAR, f"{META}pod_annotationpresent_prometheus_io_scrape", f"{META}pod_annotation_prometheus_io_scrape"
    )
    | {f"{META}pod_name": "bare", "__address__": "127.0.0.6:15090", f"{META}pod_ip": "127.0.0.6"},
    "an IPv6 sidecar": SIDECAR | {"__address__": "[::1]:15090", f"{META}pod_ip": "::1", f"{META}pod_name": "httpbin-6"},
}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The targets that a real Prometheus is left with for the sidecars' monitor."""
    tools()
    (endpoint,) = monitor("envoy-stats-monitor")["spec"]["podMetricsEndpoints"]
    # What the operator writes before the monitor's own relabelings.
    defaults = [{"target_label": "job", "replacement": "prometheus/envoy-stats-monitor"}]
    job = {
        "job_name": "podMonitor/prometheus/envoy-stats-monitor/0",
        "metrics_path": endpoint["path"],
        "scrape_interval": "1h",
        "static_configs": [{"targets": [labels["__address__"]], "labels": labels} for labels in TARGETS.values()],
        "relabel_configs": defaults + [_snake(rule) for rule in endpoint["relabelings"]],
    }
    prometheus = Prometheus(tmp_path_factory.mktemp("monitors"), {"scrape_configs": [job]})
    with prometheus:
        limit = time.monotonic() + 60
        while not (targets := _active(prometheus)):
            assert time.monotonic() < limit, "no target was found"
            time.sleep(0.1)
        yield targets


def test_each_sidecar_is_one_target_at_the_annotated_port(scraped: list[dict[str, Any]]) -> None:
    urls = sorted(target["scrapeUrl"] for target in scraped)
    assert urls == ["http://127.0.0.5:15020/stats/prometheus", "http://[::1]:15020/stats/prometheus"]


def test_targets_carry_the_labels_that_dashboards_and_alerts_use(scraped: list[dict[str, Any]]) -> None:
    (first,) = [target["labels"] for target in scraped if target["labels"]["pod_name"] == "httpbin-1"]
    assert without(first, "instance") == {
        "job": "envoy-stats",
        "namespace": "default",
        "pod_name": "httpbin-1",
        "istio_rev": "1-17",
    }


def test_istiod_is_scraped_through_its_revision_s_service_only() -> None:
    """The chart's Service has istio.io/rev, the lab's alias lacks it, a revision tag's Service has istio.io/tag too."""
    conditions = monitor("istio-component-monitor")["spec"]["selector"]["matchExpressions"]
    of_revision = {"app": "istiod", "istio": "pilot", "istio.io/rev": "1-17"}
    assert _fits(conditions, of_revision)
    assert not _fits(conditions, {"app": "istiod", "istio": "pilot", "release": "istio"})
    assert not _fits(conditions, of_revision | {"istio.io/tag": "prod"})


def test_job_labels_are_keys_of_labels_that_the_services_have() -> None:
    alias = yaml.safe_load((MONITORS.parent / "istio_control_plane" / "istiod-alias-service.yaml").read_text())
    assert monitor("istio-component-monitor")["spec"]["jobLabel"] in alias["metadata"]["labels"]
    (envoy,) = [
        entry
        for entry in yaml.safe_load_all((MONITORS.parent / "envoy_demo" / "envoy.yaml").read_text())
        if entry["kind"] == "Service"
    ]
    demo = monitor("envoy-demo-monitor")["spec"]
    assert demo["selector"]["matchLabels"].items() <= envoy["metadata"]["labels"].items()
    assert envoy["metadata"]["labels"][demo["jobLabel"]] == "envoy"
    (endpoint,) = demo["endpoints"]
    assert endpoint["port"] in {port["name"] for port in envoy["spec"]["ports"]}


@pytest.mark.parametrize("name", NAMES)
def test_prometheus_selects_the_monitor_and_nothing_waits_for_its_deletion(name: str) -> None:
    metadata = monitor(name)["metadata"]
    assert (metadata["name"], metadata["namespace"], metadata["labels"]["release"]) == (name, "prometheus", "prom")
    assert metadata["annotations"]["pulumi.com/skipAwait"] == "true"


def _fits(conditions: list[dict[str, Any]], labels: dict[str, str]) -> bool:
    checks = {
        "In": lambda rule: labels.get(rule["key"]) in rule["values"],
        "Exists": lambda rule: rule["key"] in labels,
        "DoesNotExist": lambda rule: rule["key"] not in labels,
    }
    return all(checks[rule["operator"]](rule) for rule in conditions)


def _snake(rule: dict[str, Any]) -> dict[str, Any]:
    """A relabeling of the operator's objects as Prometheus writes it."""
    return {re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), key): value for key, value in rule.items()}


def _active(prometheus: Prometheus) -> list[dict[str, Any]]:
    with NO_PROXY.open(f"{prometheus.url}/api/v1/targets?state=active", timeout=10) as answer:
        return json.load(answer)["data"]["activeTargets"]
