"""A mesh of 200 services in three versions each, for the question what a dashboard costs."""

from collections.abc import Iterator

from .cluster import control_plane
from .mesh import END, FAST, START
from .series import Course, Series, histogram, level

SERVICES, VERSIONS, CALLERS = 200, 3, 2
STEP = 60
LENGTH = END - START
RATE = 2.0
FAILED = 0.01
"""Requests per second of each caller to each version, and those of them that end in a 503."""


def everything() -> Iterator[Series]:
    """What both reporters say of every caller, version and code, that all are scraped, and the two istiods."""
    yield from control_plane()
    for service in range(SERVICES):
        for version in range(VERSIONS):
            yield from _workload(service, version + 1)


def _workload(service: int, version: int) -> Iterator[Series]:
    name, namespace = f"service-{service:03}", f"team-{service % 10}"
    workload = f"{name}-v{version}"
    target = {"job": "envoy-stats", "namespace": namespace, "pod": f"{workload}-x", "istio_rev": "1-17"}
    running = {"namespace": namespace, "pod": f"{workload}-x", "container": "istio-proxy"}
    yield Series("up", target, level(1))
    generation = "kube_deployment_status_observed_generation"
    yield Series(generation, {"namespace": namespace, "deployment": workload}, level(1))
    yield Series("kube_pod_container_status_running", running, level(1))
    yield Series("istio_build", target | {"component": "proxy", "tag": "1.17.6"}, level(1))
    for caller in range(CALLERS):
        source = f"service-{(service + caller + 1) % SERVICES:03}-v1"
        for reporter in ("source", "destination"):
            reporting = target if reporter == "destination" else target | {"pod": f"{source}-x"}
            labels = reporting | {
                "reporter": reporter,
                "source_workload": source,
                "source_workload_namespace": f"team-{(service + caller + 1) % SERVICES % 10}",
                "destination_workload": workload,
                "destination_workload_namespace": namespace,
                "destination_version": f"v{version}",
                "destination_service": f"{name}.{namespace}.svc.cluster.local",
                "destination_service_name": name,
                "destination_service_namespace": namespace,
                "connection_security_policy": "mutual_tls" if reporter == "destination" else "unknown",
            }
            for code, rate in {"200": RATE - FAILED, "503": FAILED}.items():
                yield Series("istio_requests_total", labels | {"response_code": code}, _counter(rate))
            yield from histogram("istio_request_duration_milliseconds", labels, _counter(RATE), FAST)
            yield Series("istio_tcp_sent_bytes_total", labels, _counter(100))
            yield Series("istio_tcp_received_bytes_total", labels, _counter(10))


def _counter(rate: float) -> Course:
    return lambda seconds: rate * seconds
