"""Every panel on a real Prometheus that knows an hour of a mesh of three services, by both reporters.

The sums are computed by hand from mesh.FLOWS: at the end of the hour it is quiet, so that each flow has the rate that
stands there, and version v2 of purchase-history is in place.
"""

import re
from typing import Any

import pytest

from dashboards.src.queries import pods_of
from tests.dashboards import cluster, envoy, mesh
from tests.dashboards.grafana import NAMES, Dashboard, interpolate
from tests.dashboards.prometheus import Prometheus
from tests.dashboards.viewer import Viewer

QUERIES = [
    (name, panel.title, query.ref) for name in NAMES for panel in Dashboard.of(name).panels for query in panel.queries
]
# Requests per second at the end of the hour, as the servers see them: 10 + 1 from outside, 10, 6 + 2.
WEB_API, RECOMMENDATION, PURCHASE_HISTORY = 11.0, 10.0, 8.0
SUFFIX = ".istioinaction.svc.cluster.local"
# The service and the workload that have every kind of traffic.
EVERY_KIND = {
    "istio-service": {"service": "web-api" + SUFFIX},
    "istio-workload": {"namespace": "istioinaction", "workload": "web-api-v1"},
}


@pytest.mark.parametrize(("name", "title", "ref"), QUERIES, ids=[" ".join(query) for query in QUERIES])
def test_every_query_of_every_panel_returns_data(synthetic_mesh: Prometheus, name: str, title: str, ref: str) -> None:
    viewer = Viewer.open(synthetic_mesh, name, EVERY_KIND.get(name))
    (query,) = (query for query in viewer.panel(title).queries if query.ref == ref)
    result = viewer.run(query)
    assert result, interpolate(query.expression, viewer.values)
    numbers = [number for entry in result for number in _numbers(entry)]
    assert any(number == number for number in numbers), "nothing but NaN"
    wanted = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", query.legend))
    assert all(wanted <= entry["metric"].keys() for entry in result), "the legend names a label that is not there"


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_offers_values(synthetic_mesh: Prometheus, name: str) -> None:
    viewer = Viewer.open(synthetic_mesh, name)
    for variable in viewer.dashboard.variables:
        if variable["type"] == "query":
            assert viewer.options(variable["name"]), variable["name"]


def test_workloads_that_only_call_are_offered_too(synthetic_mesh: Prometheus) -> None:
    offered = Viewer.open(synthetic_mesh, "istio-workload").options("workload")
    assert {"sleep", "web-api-v1", "recommendation-v1", "purchase-history-v1", "purchase-history-v2"} <= set(offered)


@pytest.mark.parametrize("name", NAMES)
def test_the_story_s_deploys_and_revision_changes_are_marked(synthetic_mesh: Prometheus, name: str) -> None:
    viewer = Viewer.open(synthetic_mesh, name)
    marks: dict[str, list[Any]] = {}
    for annotation in viewer.dashboard.annotations:
        expression = interpolate(annotation["expr"], viewer.values)
        series = synthetic_mesh.query_range(expression, mesh.START + 600, mesh.END, 60)
        assert all(value == "1" for entry in series for _, value in entry["values"]), "Grafana marks points that are 1"
        marks[annotation["name"]] = [entry["values"][0][0] for entry in series]
    assert marks["istiod versions"] == [mesh.START + mesh.UPGRADE]
    if "istioinaction" in interpolate(viewer.dashboard.annotations[0]["expr"], viewer.values) or name == "istio-mesh":
        assert marks["Deploys"] == [mesh.START + mesh.CANARY] * 2, "one Deployment is new, one was changed"
        assert marks["Sidecar revisions"] == [mesh.START + mesh.CANARY]


def test_the_mesh_s_requests_are_counted_once_though_both_sides_report_them(synthetic_mesh: Prometheus) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-mesh")
    assert viewer.last("Requests") == pytest.approx(WEB_API + RECOMMENDATION + PURCHASE_HISTORY)
    everybody = 'sum(rate(istio_requests_total{destination_service_namespace="istioinaction"}[2m]))'
    both = synthetic_mesh.query(everybody, mesh.END)
    assert float(both[0]["value"][1]) > 1.9 * viewer.last("Requests"), "the data must tempt to count twice"


def test_the_mesh_s_success_ratio_is_the_hand_computed_one(synthetic_mesh: Prometheus) -> None:
    failed = 0.2 + 0.5
    everything = WEB_API + RECOMMENDATION + PURCHASE_HISTORY
    viewer = Viewer.open(synthetic_mesh, "istio-mesh")
    assert viewer.last("Requests without 5xx") == pytest.approx(1 - failed / everything)
    # Over the budget of 1 %: recommendation (0.2 of 10) and purchase-history (0.5 of 8).
    assert viewer.last("Services over budget") == 2
    # Of 29 requests, the one from a client without a sidecar is in plain text.
    assert viewer.last("Over mutual TLS") == pytest.approx(28 / 29)
    # All five sidecars are scraped, the native one too.
    chosen = Viewer.open(synthetic_mesh, "istio-mesh", {"namespace": "istioinaction"})
    assert chosen.last("Sidecars scraped") == 1


def test_the_services_table_shows_each_service_once_with_its_own_numbers(synthetic_mesh: Prometheus) -> None:
    table = _table(Viewer.open(synthetic_mesh, "istio-mesh"), "Services", "destination_service")
    assert {service: round(row["Requests"], 6) for service, row in table.items() if "Requests" in row} == {
        "web-api" + SUFFIX: WEB_API,
        "recommendation" + SUFFIX: RECOMMENDATION,
        "purchase-history" + SUFFIX: PURCHASE_HISTORY,
    }
    assert table["web-api" + SUFFIX]["5xx, servers"] == pytest.approx(0)
    assert table["recommendation" + SUFFIX]["5xx, servers"] == pytest.approx(0.2 / 10)
    assert table["purchase-history" + SUFFIX]["5xx, servers"] == pytest.approx(0.5 / 8)
    # FAST: 30 % up to 5 ms, 60 % up to 10 ms; so half of them up to 5 + 5 * (0.5 - 0.3) / 0.3 ms.
    assert table["web-api" + SUFFIX]["p50"] == pytest.approx(5 + 5 * 0.2 / 0.3)
    assert table["web-api" + SUFFIX]["p99"] == pytest.approx(100)


def test_requests_that_never_reached_a_server_count_in_the_worse_side(synthetic_mesh: Prometheus) -> None:
    table = _table(Viewer.open(synthetic_mesh, "istio-mesh"), "Services", "destination_service")
    assert table["recommendation" + SUFFIX]["5xx, clients"] == pytest.approx(0.3 / 10.1)
    assert table["recommendation" + SUFFIX]["5xx, worse side"] == pytest.approx(0.3 / 10.1)
    assert table["purchase-history" + SUFFIX]["5xx, worse side"] == pytest.approx(0.5 / 8)


def test_the_canary_is_the_bad_row_of_the_workloads_table(synthetic_mesh: Prometheus) -> None:
    table = _table(Viewer.open(synthetic_mesh, "istio-mesh"), "Workloads", "destination_workload")
    assert table["purchase-history-v2"]["Requests"] == pytest.approx(2)
    assert table["purchase-history-v2"]["5xx"] == pytest.approx(0.25)
    assert table["purchase-history-v1"]["5xx"] == pytest.approx(0)


def test_tcp_bytes_are_counted_once(synthetic_mesh: Prometheus) -> None:
    table = _table(Viewer.open(synthetic_mesh, "istio-mesh"), "TCP services", "destination_service")
    assert {service: (row["Sent"], row["Received"]) for service, row in table.items()} == {
        "web-api" + SUFFIX: (pytest.approx(2000), pytest.approx(200)),
        "recommendation" + SUFFIX: (pytest.approx(500), pytest.approx(50)),
        "purchase-history" + SUFFIX: (pytest.approx(100), pytest.approx(10)),
    }


@pytest.mark.parametrize(
    ("seen_by", "requests", "failed"), [("destination", RECOMMENDATION, 0.2), ("source", RECOMMENDATION + 0.1, 0.3)]
)
def test_the_service_dashboard_counts_one_side_at_a_time(
    synthetic_mesh: Prometheus, seen_by: str, requests: float, failed: float
) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-service", {"service": "recommendation" + SUFFIX, "reporter": seen_by})
    assert viewer.last("Requests") == pytest.approx(requests)
    assert viewer.last("Requests without 5xx") == pytest.approx(1 - failed / requests)


def test_the_service_dashboard_knows_the_short_name_for_its_link_to_kiali(synthetic_mesh: Prometheus) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-service")
    assert viewer.values["service_name"] == "purchase-history"
    assert viewer.values["service_namespace"] == "istioinaction"


def test_choosing_a_revision_leaves_only_what_its_proxies_report(synthetic_mesh: Prometheus) -> None:
    chosen = {"service": "purchase-history" + SUFFIX, "revision": "1-30"}
    assert Viewer.open(synthetic_mesh, "istio-service", chosen).last("Requests") == pytest.approx(2)
    assert Viewer.open(synthetic_mesh, "istio-mesh", {"revision": "1-30"}).last("Requests") == pytest.approx(2)
    assert Viewer.open(synthetic_mesh, "istio-control-plane", {"revision": "1-30"}).last("istiod instances up") == 1


def test_what_only_ever_fails_is_not_missing_from_the_tables(synthetic_mesh: Prometheus) -> None:
    """Requests that reached nobody have no series of good answers to be compared with."""
    viewer = Viewer.open(synthetic_mesh, "istio-service", {"service": "recommendation" + SUFFIX, "reporter": "source"})
    table = _table(viewer, "Which workloads answer badly?", "destination_workload")
    assert table["unknown"]["5xx"] == pytest.approx(1)
    assert table["recommendation-v1"]["5xx"] == pytest.approx(0.2 / 10)


@pytest.mark.parametrize(("service", "callers"), [("web-api", 0), ("recommendation", 1), ("purchase-history", 1)])
def test_the_top_row_counts_the_callers_that_suffer(synthetic_mesh: Prometheus, service: str, callers: int) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-service", {"service": service + SUFFIX})
    assert viewer.last("Callers over budget") == callers


def test_the_top_row_counts_what_changed_in_the_last_hour(synthetic_mesh: Prometheus) -> None:
    mesh_view = Viewer.open(synthetic_mesh, "istio-mesh")
    assert mesh_view.last("Deploys (1h)") == 2
    # In an hour with twenty busy minutes: 0.005/s and 0.002/s for 3600 + 20 * 60 / 2 seconds. Two istiods see each.
    # Two gateways are the first of their kind; what an istiod has found when it started is no change.
    assert mesh_view.last("Object changes (1h)") == round(0.005 * 4200) + round(0.002 * 4200) + 2
    assert Viewer.open(synthetic_mesh, "istio-service").last("Deploys (1h)") == 2


def test_the_workload_dashboard_separates_what_comes_in_from_what_goes_out(synthetic_mesh: Prometheus) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-workload")
    assert viewer.last("Requests") == pytest.approx(RECOMMENDATION)
    table = _table(viewer, "Which services does it call?", "destination_service")
    assert table.keys() == {"purchase-history" + SUFFIX}
    assert table["purchase-history" + SUFFIX]["Requests"] == pytest.approx(PURCHASE_HISTORY)


def test_the_control_plane_s_top_row_is_the_hand_computed_one(synthetic_mesh: Prometheus) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-control-plane")
    assert viewer.last("istiod instances up") == 2
    assert viewer.last("Connected proxies") == 5
    # One of each kind; their counters did not exist before.
    assert viewer.last("Rejected updates (1h)") == 4
    assert viewer.last("Proxies that refused") == 1
    assert viewer.last("Failed injections (1h)") == 0
    assert viewer.last("CA certificate lasts") == pytest.approx(cluster.EXPIRY - mesh.END)
    # QUICK: 95 % up to 0.5 s, all up to 1 s.
    assert viewer.last("Convergence p99") == pytest.approx(0.5 + 0.5 * 0.04 / 0.05)


def test_the_envoy_demo_shows_the_retries_of_its_scenario(synthetic_mesh: Prometheus) -> None:
    viewer = Viewer.open(synthetic_mesh, "envoy-demo")
    assert viewer.last("Envoys up") == 1
    # Recorded of a real Envoy, so nearly: two a second, of which each ninth fails and is tried four times.
    assert viewer.last("Requests") == pytest.approx(2, rel=0.05), "neither scrapes nor the kubelet's probes count"
    assert viewer.last("Requests without 5xx") == pytest.approx(8 / 9, rel=0.05)
    assert viewer.last("Retries per request") == pytest.approx(3 / 9, rel=0.05)
    assert viewer.last("Since the last roll") == pytest.approx(mesh.LENGTH - envoy.RETRY, rel=0.05)
    assert viewer.last("Upstreams over budget") == 1


def test_the_sidecars_cost_is_the_hand_computed_one(synthetic_mesh: Prometheus) -> None:
    viewer = Viewer.open(synthetic_mesh, "istio-performance", {"namespace": "istioinaction"})
    # Five sidecars of 0.003 cores each for the requests that the clients report: 10 + 10.1 + 8 + 0.2.
    assert viewer.last("CPU per 1000 req/s") == pytest.approx(0.015 / (28.3 / 1000))
    assert viewer.last("Sidecars' share of CPU") == pytest.approx(0.003 / 0.103)
    assert viewer.last("Sidecars over 256 MiB") == 0


def test_choosing_a_workload_leaves_only_its_own_pods(synthetic_mesh: Prometheus) -> None:
    chosen = {"namespace": "istioinaction", "workload": "purchase-history-v1"}
    viewer = Viewer.open(synthetic_mesh, "istio-performance", chosen)
    assert _table(viewer, "Sidecars by cost", "pod").keys() == {mesh.pod("purchase-history-v1")}


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("shop-7d9c5b6f4-x2x7q", "shop"),  # Deployment
        ("shop-x2x7q", "shop"),  # DaemonSet
        ("shop-0", "shop"),  # StatefulSet
        ("shop-v2-7d9c5b6f4-x2x7q", "shop-v2"),
        ("shop-v2-0", "shop-v2"),
    ],
)
def test_a_workload_s_pods_are_told_from_those_of_a_longer_name(name: str, whose: str) -> None:
    found = [workload for workload in ("shop", "shop-v2") if re.fullmatch(pods_of(workload), name)]
    assert found == [whose]


def _numbers(entry: dict[str, Any]) -> list[float]:
    return [float(value) for _, value in entry.get("values") or [entry["value"]]]


def _table(viewer: Viewer, title: str, key: str) -> dict[str, dict[str, float]]:
    """The rows of a table by one of its keys, with the numbers by column title; a key that stands twice is an error."""
    panel = viewer.panel(title)
    names = panel.model["transformations"][-1]["options"]["renameByName"]
    rows: dict[str, dict[str, float]] = {}
    for query in panel.queries:
        column = names[f"Value #{query.ref}"]
        for entry in viewer.run(query):
            row = rows.setdefault(entry["metric"][key], {})
            assert column not in row, f"{title}: {entry['metric'][key]} has two rows"
            row[column] = float(entry["value"][1])
    return rows
