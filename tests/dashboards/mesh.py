"""The synthetic mesh of the dashboard tests: one hour, three services, both reporters, and a story.

    sleep -> web-api -> recommendation -> purchase-history

Minutes 0 to 20 are quiet, 20 to 40 have half as much again, from 40 on it is quiet again and version v2 of
purchase-history is there: on revision 1-30, slower, and one answer in four is a 5xx, some of them since a connection
broke. All rates in FLOWS are requests per second in a quiet minute.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .series import MINUTE, Course, Profile, Series, histogram

START = 1767225600
"""2026-01-01T00:00:00Z, in seconds: a fixed past, so that pictures do not change from day to day."""
LENGTH = 60 * MINUTE
END = START + LENGTH
STEP = 30
CANARY = 40 * MINUTE
UPGRADE = 30 * MINUTE
BUSY = (20 * MINUTE, 40 * MINUTE, 1.5)
"""From, to, factor."""

FAST: Profile = {5: 0.3, 10: 0.6, 25: 0.9, 50: 0.97, 100: 0.99, 250: 1.0}
SLOW: Profile = {100: 0.1, 250: 0.5, 500: 0.8, 1000: 0.9, 2500: 1.0}
SMALL: Profile = {500: 0.5, 1000: 1.0}
BIG: Profile = {1000: 0.5, 5000: 0.9, 10000: 1.0}

NAMESPACE = "istioinaction"
BOTH, CLIENT, SERVER = ("source", "destination"), ("source",), ("destination",)


@dataclass(frozen=True)
class Flow:
    """Requests from one workload to one version of a service that all end in the same way."""

    source: str
    service: str
    version: str
    code: str
    rate: float
    reporters: tuple[str, ...] = BOTH
    flags: str = "-"
    since: float = 0
    slow: bool = False


FLOWS = (
    Flow("sleep", "web-api", "v1", "200", 9.0),
    Flow("sleep", "web-api", "v1", "404", 0.5),
    Flow("sleep", "web-api", "v1", "301", 0.3),
    Flow("sleep", "web-api", "v1", "0", 0.2, flags="DC"),
    # It failed once, long ago: the counter is there and stands still.
    Flow("sleep", "web-api", "v1", "500", 0.0),
    # A client without a sidecar: only the server's proxy reports it, and not encrypted.
    Flow("unknown", "web-api", "v1", "200", 1.0, SERVER),
    Flow("web-api-v1", "recommendation", "v1", "200", 9.8),
    Flow("web-api-v1", "recommendation", "v1", "503", 0.2, flags="URX"),
    # Requests that never reached a server: only the client's proxy reports them.
    Flow("web-api-v1", "recommendation", "unknown", "503", 0.1, CLIENT, flags="UF"),
    Flow("recommendation-v1", "purchase-history", "v1", "200", 6.0),
    Flow("recommendation-v1", "purchase-history", "v2", "200", 1.5, since=CANARY, slow=True),
    Flow("recommendation-v1", "purchase-history", "v2", "500", 0.4, since=CANARY, slow=True),
    Flow("recommendation-v1", "purchase-history", "v2", "503", 0.1, flags="UC", since=CANARY, slow=True),
    Flow("sleep", "PassthroughCluster", "unknown", "200", 0.2, CLIENT),
)

TCP = {
    ("sleep", "web-api"): 2000.0,
    ("web-api-v1", "recommendation"): 500.0,
    ("recommendation-v1", "purchase-history"): 100.0,
}
"""Bytes per second that a service sends to a caller over its TCP port in a quiet minute; it receives a tenth."""


def requests(rate: float, since: float = 0) -> Course:
    """A counter that grows by `rate` in quiet minutes and by the factor of BUSY more in busy ones, from `since` on."""
    begin, end, factor = BUSY

    def grown(seconds: float) -> float:
        busy = min(max(seconds, begin), end) - begin
        return seconds + (factor - 1) * busy

    return lambda seconds: rate * (grown(seconds) - grown(since))


def pod(name: str) -> str:
    """The pod of a workload."""
    return f"{name}-7d9c5b6f4-x2x7q"


def sidecar(name: str) -> dict[str, str]:
    """What envoy-stats-monitor adds to the series of a workload's sidecar."""
    return {
        "job": "envoy-stats",
        "namespace": NAMESPACE,
        "pod": pod(name),
        "pod_name": pod(name),
        "container": "istio-proxy",
        "endpoint": "",
        "instance": f"10.244.1.{len(name)}:15020",
        "istio_rev": "1-30" if name.endswith("v2") else "1-17",
    }


def _request_labels(flow: Flow, reporter: str) -> dict[str, str]:
    outside = flow.service == "PassthroughCluster"
    target = "unknown" if flow.version == "unknown" else f"{flow.service}-{flow.version}"
    reporting = flow.source if reporter == "source" else target
    encrypted = reporter == "destination" and flow.source != "unknown"
    return {
        **sidecar(reporting),
        "reporter": reporter,
        "source_workload": flow.source,
        "source_workload_namespace": "unknown" if flow.source == "unknown" else NAMESPACE,
        "source_principal": f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{flow.source}" if encrypted else "unknown",
        "destination_workload": target,
        "destination_workload_namespace": "unknown" if target == "unknown" else NAMESPACE,
        "destination_version": flow.version,
        "destination_service": flow.service if outside else f"{flow.service}.{NAMESPACE}.svc.cluster.local",
        "destination_service_name": flow.service,
        "destination_service_namespace": "unknown" if outside else NAMESPACE,
        "request_protocol": "http",
        "response_flags": flow.flags,
        "connection_security_policy": _policy(reporter, encrypted),
    }


def _policy(reporter: str, encrypted: bool) -> str:
    """The client's proxy does not know whether its connection ended up encrypted."""
    if reporter == "source":
        return "unknown"
    return "mutual_tls" if encrypted else "none"


def traffic() -> Iterator[Series]:
    """What the sidecars report of FLOWS."""
    for flow in FLOWS:
        for reporter in flow.reporters:
            labels = _request_labels(flow, reporter) | {"response_code": flow.code}
            count = requests(flow.rate, flow.since)
            yield Series("istio_requests_total", labels, count, flow.since)
            duration = SLOW if flow.slow else FAST
            yield from histogram("istio_request_duration_milliseconds", labels, count, duration, since=flow.since)
            yield from histogram("istio_request_bytes", labels, count, SMALL, since=flow.since)
            yield from histogram("istio_response_bytes", labels, count, BIG, since=flow.since)
    for (source, service), rate in TCP.items():
        for reporter in BOTH:
            labels = _request_labels(Flow(source, service, "v1", "", 0), reporter) | {"request_protocol": "tcp"}
            yield Series("istio_tcp_sent_bytes_total", labels, requests(rate))
            yield Series("istio_tcp_received_bytes_total", labels, requests(rate / 10))
