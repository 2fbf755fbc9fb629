"""`make up NODE=real` and what comes after, by the commands that a person types."""

import ipaddress
import json
import re
import subprocess
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

import pytest

from base.environment import reaching
from embedded.cluster.real_node import NETWORK
from embedded.node import NODE, cgroups
from embedded.tools import toolchain
from tests.support import node_contexts
from tests.support.node_commands import PROJECT, SETTLED, Commands, unlike
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
CANNOT_BE_HAD = ("grafana", "dashboard-", "kiali-")
"""Checks, by how their names go on, of programs that no image is built of: Grafana and Kiali."""
NEEDS_ISTIOS_FILTERS = {"lab03.load", "lab03.queries-istio-service", "lab03.queries-istio-workload"}


def test_up_says_what_it_builds_and_what_it_switches_off(told: str) -> None:
    assert "image docker.io/kong/httpbin:0.2.3: built here: " in told
    assert "image docker.io/grafana/grafana:" in told
    assert "sidecars: on the real node they run the published Envoy, without Istio's own filters" in told


@pytest.mark.usefixtures("told")
def test_no_check_of_verify_fails_and_what_can_run_passes(meshlab: Commands) -> None:
    # Prometheus has to have scraped and evaluated once.
    results = eventually(lambda: None if unlike(found := meshlab.verified(), *SETTLED) else found, "none fails", 180)
    assert results
    applicable = {
        name: result
        for name, result in results.items()
        if name not in NEEDS_ISTIOS_FILTERS
        and not name.startswith(tuple(f"lab03.{beginning}" for beginning in CANNOT_BE_HAD))
        and not name.startswith("lab01.scenario-")
    }
    assert unlike(applicable, "passed") == {}
    figures = [sum(result["status"] == status for result in results.values()) for status in SETTLED]
    print(f"verify: {figures[0]} passed, {figures[1]} not applicable here, of {len(results)}")
    assert figures[0] >= 47


@pytest.fixture
def kubectl(meshlab: Commands, told: str) -> Callable[..., str]:
    """What kubectl prints."""
    program = toolchain.ensure(["kubectl"])["kubectl"]

    def run(*words: str, check: bool = True) -> str:
        env = reaching(meshlab.record.kubeconfig)
        done = subprocess.run([program, *words], capture_output=True, text=True, env=env, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    return run


def listed(kubectl: Callable[..., str], kind: str) -> list[dict[str, Any]]:
    return json.loads(kubectl("get", kind, "-A", "-o", "json"))["items"]


def test_each_container_holds_the_security_context_it_declares(meshlab: Commands, kubectl: Callable[..., str]) -> None:
    pods = [pod for pod in listed(kubectl, "pods") if pod["spec"]["nodeName"] == NODE]
    assert {"envoy", "httpbin", "sleep", "web-api", "istiod"} <= {pod["metadata"]["labels"].get("app") for pod in pods}
    assert node_contexts.unlike(pods, cgroups.group(meshlab.record.identifier)) == {}


CALLS = {
    # Every sidecar fetches its configuration here.
    "http://istiod-1-17.istio-system:15010/": True,
    "http://istiod-1-17.istio-system:15014/metrics": False,
    "http://prom-kube-prometheus-stack-prometheus.prometheus:9090/-/ready": False,
    "http://prom-kube-prometheus-stack-alertmanager.prometheus:9093/-/ready": False,
    "http://web-api.istioinaction:8080/": True,
}


@pytest.mark.parametrize("url", CALLS)
def test_the_stacks_network_policies_decide_who_is_called(kubectl: Callable[..., str], url: str) -> None:
    ask = f"curl -sS --http0.9 -m 5 -o /dev/null -w '%{{time_connect}}' {url}"
    connected = kubectl("-n", "istioinaction", "exec", "deploy/sleep", "--", "sh", "-c", ask, check=False)
    assert (float(connected) > 0) == CALLS[url]


def test_each_metric_that_a_query_misses_is_in_the_table(meshlab: Commands, told: str) -> None:
    page = (PROJECT / "docs" / "real_node.md").read_text(encoding="utf-8")
    table = page.partition("| metric | why it is missing |")[2].partition("\n\n")[0]
    patterns = [pattern for row in table.splitlines() for pattern in re.findall(r"`([^`]+)`", row.rpartition(" | ")[0])]
    details = [
        detail
        for name, result in meshlab.verified("--lab", "3").items()
        if name.startswith("lab03.queries-")
        for detail in result["details"]
    ]
    missing = {metric for detail in details for metric in re.findall(r"metric (\S+) is missing", detail)}
    assert missing >= {"service:istio_requests_total:rate5m", "kube_deployment_status_observed_generation"}
    assert {metric for metric in missing if not any(fnmatch(metric, pattern) for pattern in patterns)} == set()


def test_each_target_of_prometheus_is_up_but_those_that_are_simulated(kubectl: Callable[..., str]) -> None:
    page = "services/prom-kube-prometheus-stack-prometheus:9090/proxy/api/v1/targets?state=active"
    raw = f"/api/v1/namespaces/prometheus/{page}"
    # A target is unknown until its first scrape, up to an interval after Prometheus found it.
    health = eventually(lambda: None if "unknown" in str(found := targets(kubectl("get", "--raw", raw))) else found)
    for (pool, away), seen in sorted(health.items()):
        print(pool, "simulated" if away else "real", *sorted(seen))
    assert {key for key, seen in health.items() if key[1] and "up" in seen} == set()
    assert {key: seen for key, seen in health.items() if not key[1] and seen != {"up"}} == {}
    pools = {pool.split("/")[2] for pool, away in health if not away}
    assert {name.removeprefix("prom-kube-prometheus-stack-") for name in pools} >= {
        "alertmanager",
        "apiserver",
        "envoy-demo-monitor",
        "envoy-stats-monitor",
        "istio-component-monitor",
        "kubelet",
        "operator",
        "prom-prometheus-node-exporter",
        "prometheus",
    }


def targets(answer: str) -> dict[tuple[str, bool], set[str]]:
    """The health of Prometheus' targets by scrape pool and by whether their pods are simulated."""
    simulated = ipaddress.ip_network(NETWORK.pods)
    health: dict[tuple[str, bool], set[str]] = {}
    for target in json.loads(answer)["data"]["activeTargets"]:
        address = urlsplit(target["scrapeUrl"]).hostname
        away = ipaddress.ip_address(address) in simulated and target["labels"]["job"] != "apiserver"
        health.setdefault((target["scrapePool"], away), set()).add(target["health"])
    return health


@pytest.mark.usefixtures("told")
def test_another_up_changes_nothing_and_nothing_has_drifted(meshlab: Commands) -> None:
    assert ", 0 changed, in " in meshlab.ok("up")
    assert "dev: no drift among" in meshlab.ok("drift")
