"""Lab 01's observations, one by one, at a real Envoy before a real httpbin."""

import pytest

from tests.proxy.envoy_process import Envoy, Reply, StartEnvoy, ask

RETRY_STATS_UNTOUCHED = {
    "cluster.httpbin_service.circuit_breakers.default.rq_retry_open": 0,
    "cluster.httpbin_service.circuit_breakers.high.rq_retry_open": 0,
    "cluster.httpbin_service.retry_or_shadow_abandoned": 0,
    "cluster.httpbin_service.upstream_rq_retry": 0,
    "cluster.httpbin_service.upstream_rq_retry_backoff_exponential": 0,
    "cluster.httpbin_service.upstream_rq_retry_backoff_ratelimited": 0,
    "cluster.httpbin_service.upstream_rq_retry_limit_exceeded": 0,
    "cluster.httpbin_service.upstream_rq_retry_overflow": 0,
    "cluster.httpbin_service.upstream_rq_retry_success": 0,
}
RETRY_STATS_AFTER_ONE_FAILED_CALL = RETRY_STATS_UNTOUCHED | {
    "cluster.httpbin_service.retry.upstream_rq_500": 3,
    "cluster.httpbin_service.retry.upstream_rq_5xx": 3,
    "cluster.httpbin_service.retry.upstream_rq_completed": 3,
    "cluster.httpbin_service.upstream_rq_retry": 3,
    "cluster.httpbin_service.upstream_rq_retry_backoff_exponential": 3,
    "cluster.httpbin_service.upstream_rq_retry_limit_exceeded": 1,
}


def retry_stats(envoy: Envoy) -> dict[str, int]:
    """What the lab's `grep retry` shows."""
    return {name: value for name, value in envoy.stats().items() if "retry" in name}


def test_without_envoy_httpbin_sees_no_header_of_envoy(httpbin_port: int) -> None:
    headers = ask(httpbin_port, "/headers").echoed_headers

    assert headers["Host"] == f"127.0.0.1:{httpbin_port}"
    assert not [name for name in headers if name.startswith("X-Envoy-")]


@pytest.mark.parametrize(("scenario", "milliseconds"), [("base", "15000"), ("timeout", "1000"), ("retry", "1000")])
def test_httpbin_is_told_how_long_the_route_lets_a_request_last(
    start_envoy: StartEnvoy, scenario: str, milliseconds: str
) -> None:
    reply = start_envoy(scenario).ask("/headers")

    assert reply.status == 200
    assert reply.headers["server"] == "envoy"
    assert reply.echoed_headers["X-Envoy-Expected-Rq-Timeout-Ms"] == milliseconds


def test_base_waits_for_a_slow_answer(start_envoy: StartEnvoy) -> None:
    reply = start_envoy("base").ask("/delay/2")

    assert reply.status == 200
    assert '"url"' in reply.body  # httpbin's own answer


def test_timeout_answers_504_after_the_routes_second_not_when_httpbin_is_done(start_envoy: StartEnvoy) -> None:
    route_timeout, delay = 1, 5
    reply = start_envoy("timeout").ask(f"/delay/{delay}")

    assert reply.status == 504
    assert reply.body == "upstream request timeout"
    assert reply.headers["content-length"] == "24"
    assert reply.headers["content-type"] == "text/plain"
    # Envoy's timers count in milliseconds from the start of its event loop's round: a hair before the full second.
    assert 0.95 * route_timeout <= reply.seconds < delay


def failed_call(start_envoy: StartEnvoy, scenario: str) -> tuple[Envoy, Reply]:
    """Have httpbin fail once behind a fresh Envoy.

    All tries share the route's one second. A machine too busy for four of them in that time shows a 504, which tells
    nothing about retries; so then the same again.
    """
    for _ in range(5):
        envoy = start_envoy(scenario)
        reply = envoy.ask("/status/500")
        if reply.status != 504:
            return envoy, reply
    pytest.fail("expected httpbin to answer within the route's second, got 504 behind five Envoys in a row")


def test_retry_tries_three_more_times_before_it_passes_the_error_on(start_envoy: StartEnvoy) -> None:
    envoy, reply = failed_call(start_envoy, "retry")

    assert reply.status == 500
    assert retry_stats(envoy) == RETRY_STATS_AFTER_ONE_FAILED_CALL
    assert envoy.stats()["cluster.httpbin_service.upstream_rq_total"] == 4


def test_only_a_requests_last_answer_counts_under_its_status(start_envoy: StartEnvoy) -> None:
    """What the dashboard is built on: the other tries stand under `retry`, and requests and retries are all tries."""
    envoy, _ = failed_call(start_envoy, "retry")
    stats = envoy.stats()

    assert stats["cluster.httpbin_service.upstream_rq_500"] == 1
    assert stats["cluster.httpbin_service.upstream_rq_completed"] == 1
    tries = stats["cluster.httpbin_service.upstream_rq_completed"] + stats["cluster.httpbin_service.upstream_rq_retry"]
    assert tries == stats["cluster.httpbin_service.upstream_rq_total"]


@pytest.mark.parametrize("scenario", ["base", "timeout"])
def test_the_other_scenarios_pass_an_error_on_at_once(start_envoy: StartEnvoy, scenario: str) -> None:
    envoy, reply = failed_call(start_envoy, scenario)

    assert reply.status == 500
    assert retry_stats(envoy) == RETRY_STATS_UNTOUCHED
    assert envoy.stats()["cluster.httpbin_service.upstream_rq_total"] == 1


def test_retry_leaves_a_good_answer_alone(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy("retry")

    assert envoy.ask("/headers").status == 200
    assert retry_stats(envoy) == RETRY_STATS_UNTOUCHED
