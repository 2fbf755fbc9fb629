"""The three Envoy files themselves: that Envoy takes them as they are, and that they differ in the route alone."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.envoy_process import (
    HANG_SECONDS,
    SCENARIOS,
    StartEnvoy,
    load_scenario,
    probe,
    probed_listener,
    route_of,
    scenario_file,
)

ROUTES: dict[str, dict[str, Any]] = {
    "base": {"cluster": "httpbin_service"},
    "timeout": {"cluster": "httpbin_service", "timeout": "1s"},
    "retry": {
        "cluster": "httpbin_service",
        "timeout": "1s",
        "retryPolicy": {"retryOn": "5xx", "numRetries": 3},
    },
}

EVERYWHERE = {"address": "::", "ipv4Compat": True}

every_scenario = pytest.mark.parametrize("scenario", ROUTES)


def test_there_is_one_file_for_each_scenario() -> None:
    assert {path.stem for path in SCENARIOS.iterdir()} == set(ROUTES)


@every_scenario
def test_scenarios_differ_in_the_route_alone(scenario: str) -> None:
    config, base = load_scenario(scenario), load_scenario("base")
    assert route_of(config) == ROUTES[scenario]

    route_of(config).clear()
    route_of(base).clear()
    assert config == base


def test_the_file_has_the_labs_listener_route_and_cluster() -> None:
    config = load_scenario("base")
    listener = config["staticResources"]["listeners"][0]
    (cluster,) = config["staticResources"]["clusters"]
    manager = listener["filterChains"][0]["filters"][0]["typedConfig"]
    (virtual_host,) = manager["routeConfig"]["virtualHosts"]

    assert config["admin"]["address"]["socketAddress"] == EVERYWHERE | {"portValue": 15000}
    assert listener["name"] == "httpbin-listener"
    assert listener["address"]["socketAddress"] == EVERYWHERE | {"portValue": 15001}
    assert (manager["statPrefix"], manager["routeConfig"]["name"]) == ("httpbin", "simple_httpbin_route")
    assert (virtual_host["name"], virtual_host["domains"]) == ("httpbin_host", ["*"])
    assert cluster == {
        "name": "httpbin_service",
        "clusterType": {
            "name": "envoy.clusters.dns",
            "typedConfig": {
                "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster",
                "allAddressesInSingleEndpoint": False,  # STRICT_DNS; true would be LOGICAL_DNS
                "dnsLookupFamily": "V4_PREFERRED",
                "respectDnsTtl": True,
            },
        },
        "connectTimeout": "5s",
        "upstreamConnectionOptions": {"tcpKeepalive": {}},
        "loadAssignment": {
            "clusterName": "httpbin_service",
            "endpoints": [
                {
                    "lbEndpoints": [
                        {"endpoint": {"address": {"socketAddress": {"address": "httpbin", "portValue": 8000}}}}
                    ]
                }
            ],
        },
    }


@every_scenario
def test_envoy_accepts_the_file_unmodified(envoy_binary: Path, scenario: str) -> None:
    command = [envoy_binary, "--mode", "validate", "--disable-hot-restart", "-c", scenario_file(scenario)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)

    assert outcome.returncode == 0, outcome.stderr
    assert f"configuration '{scenario_file(scenario)}' OK" in outcome.stdout + outcome.stderr
    assert "deprecated" not in outcome.stderr.lower()


@every_scenario
def test_envoy_warns_of_no_deprecated_field(start_envoy: StartEnvoy, scenario: str) -> None:
    assert "deprecated" not in start_envoy(scenario).log.lower()


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [("admin", "accessLogPath", "/dev/stdout"), ("cluster", "respectDnsTtl", True)],
)
def test_the_fields_that_the_lab_used_would_be_warned_of(
    start_envoy: StartEnvoy, section: str, field: str, value: object
) -> None:
    """The counter-example: without it, nobody would know that the test above can see anything."""
    config = load_scenario("base")
    (cluster,) = config["staticResources"]["clusters"]
    {"admin": config["admin"], "cluster": cluster}[section][field] = value
    log = start_envoy(config).log.lower()

    assert "deprecated" in log
    assert re.sub("[A-Z]", lambda letter: f"_{letter[0]}", field).lower() in log


def test_a_name_of_both_families_gives_its_ipv4_address(start_envoy: StartEnvoy, httpbin_port: int) -> None:
    envoy = start_envoy("base")
    hosts = set(re.findall(r"^httpbin_service::(\S+)::hostname::(\S+)$", envoy.admin("/clusters").body, re.MULTILINE))

    assert hosts == {(f"127.0.0.1:{httpbin_port}", "localhost")}
    assert envoy.stats()["cluster.httpbin_service.update_success"] > 0


def test_admin_requests_are_logged_on_stdout(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy("base")
    envoy.admin("/stats?filter=retry")
    envoy.stop()

    assert '"GET /stats?filter=retry HTTP/1.1" 200' in envoy.stdout


@every_scenario
def test_readiness_depends_on_every_cluster_that_is_routed_to(scenario: str) -> None:
    config = load_scenario(scenario)
    (listener,) = (
        listener for listener in config["staticResources"]["listeners"] if listener["name"] == probed_listener(config)
    )
    health_check = listener["filterChains"][0]["filters"][0]["typedConfig"]["httpFilters"][0]["typedConfig"]

    assert health_check["headers"] == [{"name": ":path", "stringMatch": {"exact": probe()["path"]}}]
    assert set(health_check["clusterMinHealthyPercentages"]) == {route_of(config)["cluster"]}
