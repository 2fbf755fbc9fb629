"""What the standalone Envoy of Lab 01 reports: half an hour in scenario base, then, after a roll, in scenario retry."""

from collections.abc import Iterator

from .mesh import FAST, requests
from .series import MINUTE, Course, Profile, Series, histogram, level, slope

ROLL = 30 * MINUTE
GOOD, BAD = 4.0, 0.5
"""Requests per second that succeed and that fail; in scenario retry each failure is tried four times."""
WITH_RETRIES: Profile = {25: 0.5, 50: 0.8, 250: 0.95, 1000: 1.0}


def pods() -> Iterator[Series]:
    """Both pods, one after the other."""
    yield from _envoy("envoy-5d4b7c9-base1", 0, ROLL, retries=0)
    yield from _envoy("envoy-5d4b7c9-retry", ROLL, float("inf"), retries=3)


def _envoy(name: str, since: float, until: float, retries: int) -> Iterator[Series]:
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
    tries = BAD * (1 + retries)
    yield one("up", level(1))
    yield one("envoy_http_downstream_rq_total", rate(GOOD + BAD), **front)
    yield one("envoy_http_downstream_rq_total", rate(1 / 15), **scrapes)
    for code_class, per_second in {"1": 0.0, "2": GOOD, "3": 0.0, "4": 0.0, "5": BAD}.items():
        yield one("envoy_http_downstream_rq_xx", rate(per_second), **front, envoy_response_code_class=code_class)
    yield one("envoy_http_downstream_rq_xx", rate(1 / 15), **scrapes, envoy_response_code_class="2")
    profile = WITH_RETRIES if retries else FAST
    yield from histogram(
        "envoy_http_downstream_rq_time", target | front, rate(GOOD + BAD), profile, since=since, until=until
    )
    yield one("envoy_http_downstream_cx_active", level(3), **front)
    yield one("envoy_http_downstream_rq_active", level(1), **front)
    yield one("envoy_cluster_upstream_rq_total", rate(GOOD + tries), **back)
    yield from histogram(
        "envoy_cluster_upstream_rq_time", target | back, rate(GOOD + tries), FAST, since=since, until=until
    )
    for code, per_second in {"200": GOOD, "500": tries}.items():
        yield one("envoy_cluster_upstream_rq", rate(per_second), **back, envoy_response_code=code)
        yield one("envoy_cluster_upstream_rq_xx", rate(per_second), **back, envoy_response_code_class=code[0])
    retried = BAD * retries
    yield one("envoy_cluster_upstream_rq_retry", rate(retried), **back)
    yield one("envoy_cluster_upstream_rq_retry_limit_exceeded", rate(BAD if retries else 0), **back)
    if retries:  # Envoy has this one only once it has retried.
        yield one("envoy_cluster_retry_upstream_rq", rate(retried), **back, envoy_response_code="500")
    for metric in (
        "envoy_cluster_upstream_rq_retry_success",
        "envoy_cluster_upstream_rq_retry_overflow",
        "envoy_cluster_upstream_rq_timeout",
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
