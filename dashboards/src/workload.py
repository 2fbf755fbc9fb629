"""Istio workload: what comes in, what it depends on, and what its sidecars cost."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from . import frame, style, traffic
from .queries import pods_of, rate
from .style import Key, Query

UID = "meshlab-workload"

INBOUND = (
    'reporter="$reporter", destination_workload="$workload", destination_workload_namespace="$namespace", '
    'istio_rev=~"$revision"'
)
# What it calls, as its own sidecar sees it: the only side that knows of requests that reached nobody.
OUTBOUND = (
    'reporter="source", source_workload="$workload", source_workload_namespace="$namespace", istio_rev=~"$revision"'
)
EVENTS = 'namespace="$namespace"'
PODS = f'namespace="$namespace", pod=~"{pods_of("$workload")}"'
HERE = "${datasource:queryparam}&${__url_time_range}"
CALLER = Key(
    "source_workload",
    "Caller",
    [
        (
            "Open this workload",
            "/d/meshlab-workload?var-namespace=${__data.fields.Namespace}&var-workload=${__value.raw}&" + HERE,
        )
    ],
)
DEPENDENCY = Key(
    "destination_service",
    "Service",
    [("Open this service", "/d/meshlab-service?var-service=${__value.raw}&var-reporter=source&" + HERE)],
)


def build() -> models.Dashboard:
    """The dashboard, its top row first."""
    incoming = traffic.Traffic(INBOUND)
    outgoing = traffic.Traffic(OUTBOUND)
    hurry = "Compare with what it depends on: the row below."
    return frame.dashboard(
        UID,
        "Istio workload",
        "One workload: does it answer well, does it suffer from something that it calls, have its pods what they need?",
        _variables(),
        [
            frame.Row(
                "Is $workload healthy, what changed, who is affected?",
                traffic.health(incoming, "this workload", hurry=hurry, events=EVENTS),
            ),
            frame.Row("What changed?", traffic.changes(incoming, [("destination_version", "version")])),
            frame.Row("Does it suffer from something that it calls?", _outbound(outgoing)),
            frame.Row("Who is affected?", _inbound(incoming)),
            frame.Row(
                "How does it look by caller?",
                traffic.detail(incoming, "source_workload, source_workload_namespace", "caller"),
            ),
            frame.Row(
                "How does it look by called service?", traffic.detail(outgoing, "destination_service", "service")
            ),
            frame.Row("Have its pods what they need?", _pods()),
            frame.Row(
                "TCP",
                [
                    *traffic.tcp(incoming, "source_workload, source_workload_namespace", "caller"),
                    *traffic.tcp(outgoing, "destination_service", "called service"),
                ],
                collapsed=True,
            ),
        ],
        links=[
            frame.DashboardLink(
                "Kiali: this workload",
                "$kiali/console/namespaces/$namespace/workloads/$workload",
                "The same workload in Kiali, with its pods and its Envoy configuration",
            )
        ],
        events=EVENTS,
    )


def _variables() -> list[frame.VariableBuilder]:
    return [
        frame.choice(
            "namespace", "Namespace", "Namespace of the workload", 'up{job="envoy-stats"}', "namespace", several=False
        ),
        _workload(),
        frame.reporter(),
        frame.revision(),
        frame.kiali(),
    ]


def _workload() -> frame.VariableBuilder:
    """Workloads of the namespace that call or are called: two labels, so not simply the values of one."""
    sides = " or ".join(
        f'group by (workload) (label_replace(istio_requests_total{{{side}_workload_namespace="$namespace"}}, '
        f'"workload", "$1", "{side}_workload", "(.+)"))'
        for side in ("destination", "source")
    )
    return (
        builders.QueryVariable("workload")
        .label("Workload")
        .description("A workload that calls or is called")
        .datasource(style.DATASOURCE)
        .query({"query": f"query_result({sides})", "refId": "workload-values"})
        .regex('/workload="([^"]+)"/')
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _outbound(outgoing: traffic.Traffic) -> list[frame.PanelBuilder]:
    return [
        style.lines(
            "Requests to what it calls",
            "Requests by called service. A rise without one in the requests that come in is retries or a loop.",
            [Query(outgoing.requests("destination_service"), "{{destination_service}}")],
            style.REQUESTS,
            width=12,
        ),
        style.lines(
            "5xx of what it calls",
            "Share of 5xx by called service, as this workload's own sidecars see it. A service that rose just before "
            "this workload did is the cause.",
            [Query(outgoing.failed("destination_service"), "{{destination_service}}")],
            style.RATIO,
            width=12,
            top=1,
        ),
        traffic.peers(
            outgoing,
            "Which services does it call?",
            "Every service that it calls, the one with most failures first. A click opens the service as its clients "
            "see it.",
            [DEPENDENCY, Key("destination_service_namespace", "Namespace")],
        ),
    ]


def _inbound(incoming: traffic.Traffic) -> list[frame.PanelBuilder]:
    return [
        traffic.peers(
            incoming,
            "Which callers are affected?",
            "Every workload that calls this one, the one with most failures first. A click opens the caller. The "
            "principal is the identity that its certificate proves; `unknown` came without one.",
            [
                CALLER,
                Key("source_workload_namespace", "Namespace"),
                Key("source_principal", "Principal"),
                Key("connection_security_policy", "Security"),
            ],
        )
    ]


def _pods() -> list[frame.PanelBuilder]:
    return [
        style.lines(
            "CPU by container",
            "Cores used by container, all pods together. The sidecar above the application: see what it costs on the "
            "performance dashboard.",
            [Query(rate("container_cpu_usage_seconds_total", f'{PODS}, container!=""', "container"), "{{container}}")],
            style.CORES,
            width=6,
        ),
        style.lines(
            "Memory by container",
            "Working set by container, all pods together. A sidecar that grows with the mesh needs a Sidecar object "
            "that narrows what it sees.",
            [
                Query(
                    f'sum by (container) (container_memory_working_set_bytes{{{PODS}, container!=""}})', "{{container}}"
                )
            ],
            style.BYTES,
            width=6,
        ),
        style.lines(
            "Restarts",
            "Container restarts in the last 15 minutes. Above 0: kubectl describe pod says why (OOMKilled, failed "
            "probe, exit code).",
            [
                Query(
                    f"sum by (pod, container) (increase(kube_pod_container_status_restarts_total{{{PODS}}}[15m]))",
                    "{{pod}} {{container}}",
                )
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Sidecar certificates valid for",
            "Time until each sidecar's certificate ends. It is a saw: it falls and is renewed at half its life. A "
            "line that goes on falling is a renewal that fails: docs/runbooks/istio-workload-certificate-expiring.md",
            [
                Query(
                    f'min by (pod) (istio_agent_cert_expiry_seconds{{resource_name="default", {PODS}}})',
                    "{{pod}}",
                )
            ],
            style.SECONDS,
            width=6,
        ),
    ]
