"""What the Envoy dashboard says of a real Envoy whose backend is known to be well, to fail, to be slow or not there.

The expected numbers come from what the backend did (envoy_recorder.py), not from what Envoy counted.
"""

from collections.abc import Iterator

import pytest

from base.assets import load_manifests
from tests.dashboards import mesh, series
from tests.dashboards.envoy import target
from tests.dashboards.envoy_recorder import PACE, recordings
from tests.dashboards.envoy_recordings import FOLDER, LENGTH, STEP, names, played
from tests.dashboards.grafana import Dashboard, metrics_of
from tests.dashboards.prometheus import Prometheus, tools
from tests.dashboards.viewer import Viewer

CLOSE = 0.06
"""A window of two minutes holds 240 requests, and the edges of a scrape may cut a few off."""

# By recording: share of requests without 5xx for clients, retries per request, share of tries that failed.
NUMBERS = {
    "base-healthy": (1, 0, 0),
    "base-flaky": (1 / 2, 0, 1 / 2),
    "base-failing": (0, 0, 1),
    "base-slow": (1, 0, 0),
    "base-cut": (0, 0, 1),
    "base-refused": (0, 0, 1),
    "base-no-host": (0, 0, 1),
    "base-lab": (8 / 9, 0, 1 / 9),
    "base-burst": (0, 0, 1),
    "timeout-healthy": (1, 0, 0),
    "timeout-flaky": (1 / 2, 0, 1 / 2),
    "timeout-failing": (0, 0, 1),
    "timeout-slow": (0, 0, 1),
    "timeout-cut": (0, 0, 1),
    "timeout-refused": (0, 0, 1),
    "timeout-no-host": (0, 0, 1),
    "timeout-lab": (8 / 9, 0, 1 / 9),
    "timeout-burst": (0, 0, 1),
    "retry-healthy": (1, 0, 0),
    "retry-flaky": (1, 1, 1 / 2),
    "retry-failing": (0, 3, 1),
    # The route's second is over before the one try is, and nothing is left to try again in.
    "retry-slow": (0, 0, 1),
    "retry-slow-per-try": (0, 3, 1),
    "retry-cut": (0, 3, 1),
    "retry-refused": (0, 3, 1),
    # Without a host there is nobody to try.
    "retry-no-host": (0, 0, 1),
    # Of nine requests one takes four tries: four of twelve fail.
    "retry-lab": (8 / 9, 3 / 9, 4 / 12),
    # Of twelve requests at once three are retried, and three times each: Envoy allows no more retries at a time.
    "retry-burst": (0, 9 / 12, 1),
}

# By recording: shares of the answers by status code, among all answers; one that was retried has "retried" behind it.
ANSWERS = {
    "base-healthy": {"200": 1},
    "base-flaky": {"200": 1 / 2, "500": 1 / 2},
    "base-slow": {"200": 1},
    "base-cut": {"503": 1},
    "base-refused": {"503": 1},
    "base-no-host": {"503": 1},
    "timeout-slow": {"504": 1},
    "timeout-lab": {"200": 8 / 9, "504": 1 / 9},
    "retry-healthy": {"200": 1},
    "retry-flaky": {"200": 1 / 2, "500, retried": 1 / 2},
    "retry-failing": {"500": 1 / 4, "500, retried": 3 / 4},
    "retry-slow": {"504": 1},
    "retry-refused": {"503": 1},
    "retry-lab": {"200": 8 / 12, "500": 1 / 12, "500, retried": 3 / 12},
}

# By recording: for each request, how often something made Envoy retry.
REASONS = {
    "base-flaky": {},
    "base-cut": {},
    "base-refused": {},
    "timeout-slow": {},
    "retry-healthy": {},
    "retry-slow": {},
    "retry-no-host": {},
    "retry-flaky": {"500": 1.0},
    "retry-failing": {"500": 3.0},
    "retry-lab": {"500": 3 / 9},
    "retry-cut": {"connection cut": 4.0},
    "retry-refused": {"no connection": 4.0},
    "retry-slow-per-try": {"no answer in time": 4.0},
}

# By recording: for each request, timeouts of requests and of tries.
TIMEOUTS = {
    "base-slow": (0, 0),
    "timeout-slow": (1, 0),
    "timeout-lab": (1 / 9, 0),
    "retry-slow": (1, 0),
    "retry-slow-per-try": (0, 4),
    "retry-refused": (0, 0),
}

# By recording: for each request, retries, requests that they helped, requests that failed after the last one.
RETRIES = {
    "base-failing": (0, 0, 0),
    "retry-flaky": (1, 1, 0),
    "retry-failing": (3, 0, 1),
    "retry-refused": (3, 0, 1),
    "retry-cut": (3, 0, 1),
    "retry-slow": (0, 0, 0),
    "retry-lab": (3 / 9, 0, 1 / 9),
    "retry-burst": (9 / 12, 0, 3 / 12),
}

# By recording: for each request, connections that failed, and requests that found no host.
CONNECTIONS = {
    "base-healthy": (0, 0),
    "base-refused": (1, 0),
    "retry-refused": (4, 0),
    "base-no-host": (0, 1),
    "retry-no-host": (0, 1),
    "retry-cut": (0, 0),
}

EVERY = sorted(NUMBERS)
every_recording = pytest.mark.parametrize("name", EVERY)
RATE = 1 / PACE


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has every recording, each in a namespace of its name, as if all had ended just now."""
    tools()
    folder = tmp_path_factory.mktemp("recorded-envoy")
    prometheus = Prometheus(folder)
    samples = folder / "samples.om"
    since = mesh.LENGTH - LENGTH
    everything = (sample for name in names() for sample in played(name, target(f"envoy-{name}", name), since))
    with samples.open("w") as file:
        series.write(everything, file, mesh.START, mesh.LENGTH, STEP)
    prometheus.backfill(samples)
    with prometheus:
        yield prometheus


def test_everything_that_the_recorder_knows_is_recorded_and_judged() -> None:
    assert names() == sorted(name for name, _, _ in recordings()) == EVERY


@every_recording
def test_a_recording_is_of_the_envoy_that_is_deployed(name: str) -> None:
    (image,) = (
        container["image"]
        for manifest in load_manifests("envoy_demo", "envoy.yaml")
        if manifest["kind"] == "Deployment"
        for container in manifest["spec"]["template"]["spec"]["containers"]
    )
    version = image.partition(":v")[2]
    assert (FOLDER / f"{name}.txt").read_text().startswith(f"# Envoy {version}: {name}. "), "record anew"


@every_recording
def test_a_recording_has_what_the_dashboard_asks_for(name: str) -> None:
    dashboard = Dashboard.of("envoy-demo")
    wanted = metrics_of(dashboard, "envoy_")
    later = {"envoy_cluster_retry_upstream_rq", "envoy_cluster_upstream_rq_time_bucket"}
    text = (FOLDER / f"{name}.txt").read_text()
    assert {metric for metric in wanted - later if f"\n{metric}{{" not in text} == set()


@every_recording
def test_only_clients_requests_count_as_requests(recorded: Prometheus, name: str) -> None:
    assert 'envoy_http_conn_manager_prefix="readiness"' in (FOLDER / f"{name}.txt").read_text()
    assert opened(recorded, name).last("Requests") == pytest.approx(RATE, rel=CLOSE)


@every_recording
def test_the_top_row_says_how_it_was(recorded: Prometheus, name: str) -> None:
    good, retries, failed = NUMBERS[name]
    viewer = opened(recorded, name)
    assert viewer.last("Requests without 5xx") == pytest.approx(good, abs=CLOSE)
    assert viewer.last("Retries per request") == pytest.approx(retries, rel=CLOSE)
    assert viewer.last("Upstreams over budget") == (failed > 0)
    assert viewer.last("Envoys up") == 1
    assert viewer.last("Since the last roll") == pytest.approx(LENGTH, rel=CLOSE)


@every_recording
def test_the_table_counts_every_try_that_failed(recorded: Prometheus, name: str) -> None:
    _, retries, failed = NUMBERS[name]
    row = upstream(opened(recorded, name))
    assert row["Requests"] == pytest.approx(RATE, rel=CLOSE)
    assert row["Retries"] == pytest.approx(RATE * retries, rel=CLOSE)
    assert row["Failed tries"] == pytest.approx(failed, abs=CLOSE)


@every_recording
def test_an_upstream_without_a_host_is_not_healthy_and_red(recorded: Prometheus, name: str) -> None:
    viewer = opened(recorded, name)
    hosts = 0 if name.endswith("no-host") else 1
    assert viewer.last("Healthy upstreams") == hosts
    assert colour(viewer, "Healthy upstreams") == ("green" if hosts else "red")
    assert upstream(viewer)["Hosts"] == upstream(viewer)["Healthy hosts"] == hosts


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_of_the_upstreams_are_those_that_were_given(recorded: Prometheus, name: str) -> None:
    shown = lines(opened(recorded, name), "Answers of the upstreams")
    total = sum(shown.values())
    assert {code: rate / total for code, rate in shown.items()} == pytest.approx(ANSWERS[name], abs=CLOSE)


@pytest.mark.parametrize("name", REASONS)
def test_what_makes_envoy_retry_is_shown_also_without_an_answer(recorded: Prometheus, name: str) -> None:
    shown = lines(opened(recorded, name), "Why does it retry?")
    found = {reason: rate / RATE for reason, rate in shown.items() if rate}
    assert found == pytest.approx(REASONS[name], rel=CLOSE)


@pytest.mark.parametrize("name", TIMEOUTS)
def test_a_timeout_counts_once_by_request_or_by_try(recorded: Prometheus, name: str) -> None:
    shown = lines(opened(recorded, name), "Timeouts")
    whole, single = (shown[f"httpbin_service {what}"] / RATE for what in ("request", "try"))
    assert (whole, single) == pytest.approx(TIMEOUTS[name], rel=CLOSE)


@pytest.mark.parametrize("name", RETRIES)
def test_retries_are_told_from_those_that_helped_and_were_used_up(recorded: Prometheus, name: str) -> None:
    shown = lines(opened(recorded, name), "Retries")
    found = tuple(shown[f"httpbin_service {what}"] / RATE for what in ("retries", "helped", "used up"))
    assert found == pytest.approx(RETRIES[name], rel=CLOSE)


def test_retries_that_a_circuit_breaker_refused_are_shown(recorded: Prometheus) -> None:
    shown = lines(opened(recorded, "retry-burst"), "Retries")
    assert shown["httpbin_service not allowed (breaker)"] / RATE == pytest.approx(9 / 12, rel=CLOSE)


@pytest.mark.parametrize("name", CONNECTIONS)
def test_connections_that_fail_are_told_from_a_missing_host(recorded: Prometheus, name: str) -> None:
    shown = lines(opened(recorded, name), "Connections to the upstreams")
    # Whole numbers of the last two minutes.
    found = tuple(shown[f"httpbin_service {what}"] / (RATE * 120) for what in ("failed", "no host"))
    assert found == pytest.approx(CONNECTIONS[name], rel=CLOSE)


def test_the_upstreams_time_spans_all_tries(recorded: Prometheus) -> None:
    once, four_times = (lines(opened(recorded, name), "Latency") for name in ("base-failing", "retry-failing"))
    assert four_times["answered p50"] > 2 * once["answered p50"]
    assert four_times["answered p50"] == pytest.approx(four_times["all p50"], rel=0.1)


def test_what_envoy_gave_up_on_is_in_the_latency_of_all_alone(recorded: Prometheus) -> None:
    shown = lines(opened(recorded, "timeout-slow"), "Latency")
    # The bucket up to 1000 ms holds answers of up to 1100 ms.
    assert 500 < shown["all p50"] < shown["all p99"] <= 1000
    assert "answered p99" not in shown
    waited_for = lines(opened(recorded, "base-slow"), "Latency")
    assert 2500 < waited_for["answered p50"] == pytest.approx(waited_for["all p50"], rel=0.1)


@pytest.mark.parametrize("name", ["timeout-slow", "retry-slow", "retry-slow-per-try", "base-slow", "timeout-lab"])
def test_a_timeout_makes_the_latency_red(recorded: Prometheus, name: str) -> None:
    assert colour(opened(recorded, name), "Latency p99") == "red"


@pytest.mark.parametrize(
    ("title", "colours"),
    [
        ("Requests without 5xx", {"green", "red"}),
        ("Latency p99", {"green", "red"}),
        ("Healthy upstreams", {"green", "red"}),
        ("Retries per request", {"green", "orange", "red"}),
        ("Upstreams over budget", {"green", "red"}),
    ],
)
def test_a_real_envoy_can_reach_the_colours_of_a_number(recorded: Prometheus, title: str, colours: set[str]) -> None:
    assert colours <= {colour(opened(recorded, name), title) for name in EVERY}


def test_failures_that_retries_hide_from_clients_are_red(recorded: Prometheus) -> None:
    viewer = opened(recorded, "retry-flaky")
    assert colour(viewer, "Requests without 5xx") == "green"
    assert colour(viewer, "Retries per request") == "red"
    assert colour(viewer, "Upstreams over budget") == "red"


def opened(prometheus: Prometheus, name: str) -> Viewer:
    """The dashboard, narrowed to one recording."""
    return Viewer.open(prometheus, "envoy-demo", {"namespace": name})


def lines(viewer: Viewer, title: str) -> dict[str, float]:
    """The last value of each line of a panel that is there at the end, by its legend."""
    shown: dict[str, float] = {}
    for query in viewer.panel(title).queries:
        for entry in viewer.run(query):
            moment, value = entry["values"][-1]
            if moment == mesh.END and value != "NaN":
                legend = query.legend
                for label, text in entry["metric"].items():
                    legend = legend.replace("{{" + label + "}}", text)
                assert legend not in shown, f"{title}: two lines {legend}"
                shown[legend] = float(value)
    return shown


def upstream(viewer: Viewer) -> dict[str, float]:
    """The one row of the table of upstreams, by column."""
    panel = viewer.panel("Upstreams")
    columns = panel.model["transformations"][-1]["options"]["renameByName"]
    row: dict[str, float] = {}
    for query in panel.queries:
        for entry in viewer.run(query):
            assert entry["metric"] == {"envoy_cluster_name": "httpbin_service"}
            row[columns[f"Value #{query.ref}"]] = float(entry["value"][1])
    return row


def colour(viewer: Viewer, title: str) -> str:
    """The colour of a number."""
    steps = viewer.panel(title).model["fieldConfig"]["defaults"]["thresholds"]["steps"]
    value = viewer.last(title)
    return [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
