"""Istio service: one service, who calls it and which workloads answer."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from . import frame, traffic
from .style import Key

UID = "meshlab-service"

MATCHERS = (
    'reporter="$reporter", destination_service="$service", istio_rev=~"$revision", '
    'source_workload_namespace=~"$client_namespace", destination_workload=~"$workload"'
)
CHOSEN = '{__name__=~"istio_requests_total|istio_tcp_sent_bytes_total", destination_service="$service"}'
EVENTS = 'namespace=~"$service_namespace"'
WORKLOAD_LINK = (
    "/d/meshlab-workload?var-namespace=${{__data.fields.{namespace}}}&var-workload=${{__value.raw}}"
    "&var-reporter=$reporter&${{datasource:queryparam}}&${{__url_time_range}}"
)


def build() -> Dashboard:
    """The dashboard, its top row first."""
    seen = traffic.Traffic(MATCHERS)
    return frame.dashboard(
        UID,
        "Istio service",
        "One service: does it answer well, since when not, and for whom?",
        _variables(),
        [
            frame.Row(
                "Is $service healthy, what changed, who is affected?",
                traffic.health(seen, "this service", hurry="Who is affected: the tables below.", events=EVENTS),
            ),
            frame.Row(
                "What changed?",
                traffic.changes(seen, [("destination_workload, destination_version", "version")]),
            ),
            frame.Row("Who is affected?", _affected(seen)),
            frame.Row(
                "How does it look by caller?",
                traffic.detail(seen, "source_workload, source_workload_namespace", "caller"),
            ),
            frame.Row(
                "How does it look by answering workload?",
                traffic.detail(seen, "destination_workload, destination_workload_namespace", "workload"),
            ),
            frame.Row(
                "TCP",
                traffic.tcp(seen, "source_workload, source_workload_namespace", "caller"),
                collapsed=True,
            ),
        ],
        links=[
            frame.DashboardLink(
                "Kiali: this service",
                "$kiali/console/namespaces/$service_namespace/services/$service_name",
                "The same service in Kiali, with its Istio objects",
            )
        ],
        events=EVENTS,
    )


def _variables() -> list[frame.VariableBuilder]:
    anything = (
        '{__name__=~"istio_requests_total|istio_tcp_sent_bytes_total", destination_service_namespace=~"$namespace"}'
    )
    return [
        frame.choice(
            "namespace",
            "Namespace",
            "Namespace of the service",
            "istio_requests_total",
            "destination_service_namespace",
        ),
        frame.choice(
            "service", "Service", "The service, by its full name", anything, "destination_service", several=False
        ),
        frame.choice("workload", "Workload", "Workloads that answer for the service", CHOSEN, "destination_workload"),
        frame.choice(
            "client_namespace", "Callers in", "Namespaces of the callers", CHOSEN, "source_workload_namespace"
        ),
        frame.reporter(),
        frame.revision(),
        frame.derived("service_name", "Short name of the service", CHOSEN, "destination_service_name"),
        frame.derived("service_namespace", "Its namespace", CHOSEN, "destination_service_namespace"),
        frame.kiali(),
    ]


def _affected(seen: traffic.Traffic) -> list[frame.PanelBuilder]:
    return [
        traffic.peers(
            seen,
            "Which callers are affected?",
            "Every workload that calls this service, the one with most failures first. One bad row: that caller "
            "sends something else or sits elsewhere. A click opens the caller.",
            [
                Key("source_workload", "Caller", [("Open this workload", WORKLOAD_LINK.format(namespace="Namespace"))]),
                Key("source_workload_namespace", "Namespace"),
                Key("connection_security_policy", "Security"),
            ],
            width=12,
        ),
        traffic.peers(
            seen,
            "Which workloads answer badly?",
            "Every workload behind this service, the one with most failures first. One bad row is one version: shift "
            "traffic away from it or roll it back. A click opens the workload.",
            [
                Key(
                    "destination_workload",
                    "Workload",
                    [("Open this workload", WORKLOAD_LINK.format(namespace="Namespace"))],
                ),
                Key("destination_workload_namespace", "Namespace"),
                Key("destination_version", "Version"),
            ],
            width=12,
        ),
    ]
