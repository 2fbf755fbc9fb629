"""What the standalone Envoy of Lab 01 reports in scenario base, then timeout, then retry, twenty minutes each.

Each change of scenario rolls the pod. What fails is /status/500, in scenario timeout /delay/5.
"""

from collections.abc import Iterator

from .mesh import FAST, requests
from .series import MINUTE, Course, Profile, Series, histogram, level, slope

TIMEOUT, RETRY = 20 * MINUTE, 40 * MINUTE
"""When the scenario changes."""
GOOD, BAD = 4.0, 0.5
"""Requests per second that succeed and that fail; in scenario retry each failure is tried four times."""
CLIENTS: dict[str, Profile] = {
    "base": FAST,
    "timeout": {25: 0.6, 50: 0.8, 250: 0.88, 1000: 0.9, 2500: 1.0},
    "retry": {25: 0.5, 50: 0.8, 250: 0.95, 1000: 1.0},
}
"""How long clients wait, in milliseconds: for the timeout of one second, or for four tries."""


def pods() -> Iterator[Series]:
    """The three pods, one after the other."""
    yield from _envoy("base", "envoy-5d4b7c9-base1", 0, TIMEOUT)
    yield from _envoy("timeout", "envoy-6f8c9d7-slow1", TIMEOUT, RETRY)
    yield from _envoy("retry", "envoy-7b5d8f4-retry", RETRY, float("inf"))


def _envoy(scenario: str, name: str, since: float, until: float) -> Iterator[Series]:
    target = {
        "job": "envoy",
        "namespace": "default",
        "pod": name,
        "container": "envoy",
        "service": "envoy",
        "endpoint": "admin",
        "instance": "10.244.2.5:15000",
    }

    def one(metric: str, course: Course, **labels: str) -> Series:
        return Series(metric, target | labels, course, since, until)

    def rate(per_second: float) -> Course:
        return requests(per_second, since)

    front = {"envoy_http_conn_manager_prefix": "httpbin"}
    scrapes = {"envoy_http_conn_manager_prefix": "admin"}
    back = {"envoy_cluster_name": "httpbin_service"}
    retries = 3 if scenario == "retry" else 0
    tries = BAD * (1 + retries)
    timeouts = BAD if scenario == "timeout" else 0
    yield one("up", level(1))
    yield one("envoy_http_downstream_rq_total", rate(GOOD + BAD), **front)
    yield one("envoy_http_downstream_rq_total", rate(1 / 15), **scrapes)
    for code_class, per_second in {"1": 0.0, "2": GOOD, "3": 0.0, "4": 0.0, "5": BAD}.items():
        yield one("envoy_http_downstream_rq_xx", rate(per_second), **front, envoy_response_code_class=code_class)
    yield one("envoy_http_downstream_rq_xx", rate(1 / 15), **scrapes, envoy_response_code_class="2")
    yield from histogram(
        "envoy_http_downstream_rq_time", target | front, rate(GOOD + BAD), CLIENTS[scenario], since=since, until=until
    )
    yield one("envoy_http_downstream_cx_active", level(3), **front)
    yield one("envoy_http_downstream_rq_active", level(1), **front)
    yield one("envoy_cluster_upstream_rq_total", rate(GOOD + tries), **back)
    yield from histogram(
        "envoy_cluster_upstream_rq_time", target | back, rate(GOOD + tries - timeouts), FAST, since=since, until=until
    )
    # Envoy counts its own 504 among the upstream's answers.
    for code, per_second in {"200": GOOD, "504" if timeouts else "500": tries}.items():
        yield one("envoy_cluster_upstream_rq", rate(per_second), **back, envoy_response_code=code)
        yield one("envoy_cluster_upstream_rq_xx", rate(per_second), **back, envoy_response_code_class=code[0])
    retried = BAD * retries
    yield one("envoy_cluster_upstream_rq_retry", rate(retried), **back)
    yield one("envoy_cluster_upstream_rq_retry_limit_exceeded", rate(BAD if retries else 0), **back)
    if retries:  # Envoy has this one only once it has retried.
        yield one("envoy_cluster_retry_upstream_rq", rate(retried), **back, envoy_response_code="500")
    yield one("envoy_cluster_upstream_rq_timeout", rate(timeouts), **back)
    for metric in (
        "envoy_cluster_upstream_rq_retry_success",
        "envoy_cluster_upstream_rq_retry_overflow",
        "envoy_cluster_upstream_rq_per_try_timeout",
        "envoy_cluster_upstream_rq_pending_overflow",
        "envoy_cluster_upstream_cx_connect_fail",
        "envoy_cluster_circuit_breakers_default_rq_open",
    ):
        yield one(metric, level(0), **back)
    yield one("envoy_cluster_membership_healthy", level(1), **back)
    yield one("envoy_cluster_membership_total", level(1), **back)
    yield one("envoy_cluster_upstream_cx_active", level(2), **back)
    yield one("envoy_server_uptime", slope(-since, 1))
    yield one("envoy_server_memory_heap_size", level(10.4e6))
    yield one("envoy_server_memory_allocated", level(6.4e6))
