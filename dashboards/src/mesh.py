"""Istio mesh: all services at once. Reads recorded rates, so that it stays cheap in a big mesh."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from . import frame, style
from .queries import ISTIOD, SIDECARS, Rates, RecordedRates, changed_objects, or_zero, seen_by_each, share
from .style import Column, Key, Query
from .traffic import RESPONSES, Traffic

UID = "meshlab-mesh"

SERVICES = RecordedRates("service")
WORKLOADS = RecordedRates("workload")

# Servers report every request that reached them; what never did is in the row on clients.
SERVERS = 'reporter="destination", destination_service_namespace=~"$namespace", istio_rev=~"$revision"'
CLIENTS = 'reporter="source", destination_service_namespace=~"$namespace", istio_rev=~"$revision"'
OUTSIDE = 'reporter="source", destination_service_name=~"PassthroughCluster|BlackHoleCluster", istio_rev=~"$revision"'
EVENTS = 'namespace=~"$namespace"'
WITH_SIDECAR = (
    'kube_pod_container_status_running{container="istio-proxy", namespace=~"$namespace"} == 1'
    ' or kube_pod_init_container_status_running{container="istio-proxy", namespace=~"$namespace"} == 1'
)

HERE = "${datasource:queryparam}&${__url_time_range}"
SERVICE = Key(
    "destination_service",
    "Service",
    [
        ("Open this service", f"/d/meshlab-service?var-service=${{__value.raw}}&{HERE}"),
        ("Kiali: all of this namespace", "$kiali/console/graph/namespaces?namespaces=${__data.fields.Namespace}"),
    ],
)
SERVICE_NAMESPACE = Key("destination_service_namespace", "Namespace")
WORKLOAD = Key(
    "destination_workload",
    "Workload",
    [
        (
            "Open this workload",
            "/d/meshlab-workload?var-namespace=${__data.fields.Namespace}&var-workload=${__value.raw}&" + HERE,
        )
    ],
)
WORKLOAD_NAMESPACE = Key("destination_workload_namespace", "Namespace")


def build(services: Rates = SERVICES, workloads: Rates = WORKLOADS) -> Dashboard:
    """The dashboard, its top row first. The two sources of rates are arguments so that their cost can be compared."""
    seen, clients = Traffic(SERVERS, services), Traffic(CLIENTS, services)
    return frame.dashboard(
        UID,
        "Istio mesh",
        "All services at once: is the mesh healthy, what changed, which services are affected?",
        [
            frame.choice(
                "namespace",
                "Namespace",
                "Namespaces of the services",
                "istio_requests_total",
                "destination_service_namespace",
            ),
            frame.revision(),
            frame.kiali(),
        ],
        [
            frame.Row("Is it healthy, what changed, who is affected?", _health(seen, clients)),
            frame.Row("What changed?", _changes(seen)),
            frame.Row("Which services are affected?", [_services(seen, clients)]),
            frame.Row("Which workloads are affected?", [_workloads(Traffic(SERVERS, workloads))]),
            frame.Row("TCP, and traffic that leaves the mesh", _rest(seen, Traffic(OUTSIDE, services))),
        ],
        links=[
            frame.DashboardLink(
                "Kiali: graph",
                "$kiali/console/graph/namespaces?namespaces=${namespace:csv}",
                "The chosen namespaces as a graph",
            )
        ],
        events=EVENTS,
    )


def _health(seen: Traffic, clients: Traffic) -> list[frame.PanelBuilder]:
    over = f"count({_worse(seen, clients, 'destination_service')} > {style.LIMITS.error_budget_ratio})"
    return [
        style.number(
            "Requests",
            "Requests per second that reached a sidecar. A sudden fall without a deploy: callers cannot get in; look "
            "at the row on what changed and at the gateways.",
            seen.requests(),
            style.REQUESTS,
        ),
        style.number(
            "Requests without 5xx",
            "Share of all requests that did not end in a 5xx. Red: the table `Services` has the worst one on top.",
            seen.success(),
            style.RATIO,
            style.SUCCESS_RATIO,
            decimals=2,
        ),
        style.number(
            "Latency p99",
            "One request in a hundred is slower, over all services. Red: sort the table below by p99.",
            seen.latency(0.99),
            style.MILLISECONDS,
            style.LATENCY,
        ),
        style.number(
            "Over mutual TLS",
            "Share of the requests that came encrypted and with an identity. Below 1: callers without a sidecar; the "
            "service's dashboard names them.",
            share(seen.requests(extra='connection_security_policy="mutual_tls"'), seen.requests()),
            style.RATIO,
            style.FULL_RATIO,
        ),
        style.number(
            "Sidecars scraped",
            "Running sidecars that Prometheus reaches. Below 1 everything on this page counts too little: "
            "docs/runbooks/istio-sidecar-not-scraped.md",
            f'sum(up{{job="envoy-stats", namespace=~"$namespace"}}) / count({WITH_SIDECAR})',
            style.RATIO,
            style.FULL_RATIO,
        ),
        frame.deploys(EVENTS),
        style.number(
            "Object changes (1h)",
            "Istio objects that were added, updated or deleted in the last hour. Something is red and this is above 0: "
            "`Changes to Istio objects` below has the kind and the moment.",
            or_zero(f"sum({changed_objects()})", f"up{{{ISTIOD}}}"),
            style.COUNT,
            decimals=0,
        ),
        style.number(
            "Services over budget",
            "Services with a larger share of 5xx than their budget. One: open it from the table below. Many at once: "
            "what they share, such as a node, a database or the control plane.",
            or_zero(over, f"up{{{SIDECARS}}}"),
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
    ]


def _changes(seen: Traffic) -> list[frame.PanelBuilder]:
    return [
        style.lines(
            "Requests by response",
            "Requests by class of status code. `no response` is a client that went away or a connection that broke.",
            [Query(seen.requests(extra=matcher), name) for name, matcher in RESPONSES],
            style.REQUESTS,
            stacked=True,
            colours=style.BY_RESPONSE,
            width=6,
        ),
        style.lines(
            "Latency",
            "Request duration over all services. The dashed line is the alert's target.",
            [Query(seen.latency(q), f"p{q * 100:.0f}") for q in (0.5, 0.9, 0.99)],
            style.MILLISECONDS,
            limit="meshlab:threshold:latency_target_milliseconds",
            width=6,
        ),
        style.lines(
            "Sidecars by revision",
            "Which revision injected the sidecars. During an upgrade one line falls as the other rises; both level "
            "for long is an upgrade that stopped half way: restart the workloads that are left.",
            [Query(f"count by (istio_rev) (up{{{SIDECARS}}})", "{{istio_rev}}")],
            style.COUNT,
            stacked=True,
            width=6,
        ),
        style.lines(
            "Components by version",
            "Every istiod, sidecar and gateway by its version. More than two versions of one component: finish the "
            "upgrade first.",
            [Query('sum by (component, tag) (istio_build{istio_rev=~"$revision"})', "{{component}} {{tag}}")],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Changes to Istio objects",
            "Objects of Istio that were added, updated or deleted. A change that coincides with failures is the "
            "first suspect.",
            [Query(seen_by_each("pilot_k8s_cfg_events"), "{{type}} {{event}}")],
            style.PER_SECOND,
            width=24,
        ),
    ]


def _worse(seen: Traffic, clients: Traffic, by: str) -> str:
    """The share of 5xx as the worse of both sides sees it: what never reached a server is seen by the clients only."""
    sides = " or ".join(
        f'label_replace({traffic.failed(by)}, "side", "{side}", "", "")'
        for side, traffic in (("servers", seen), ("clients", clients))
    )
    return f"max by ({by}) ({sides})"


def _services(seen: Traffic, clients: Traffic) -> frame.PanelBuilder:
    by = "destination_service, destination_service_namespace"
    return style.grid(
        "Services",
        "Every service, the one with most failures first. Worse for the clients than for the servers: requests do "
        "not reach the servers (no healthy pod, refused connection, wrong mutual TLS mode). A click opens the "
        "service: which callers and which workloads are concerned.",
        [SERVICE, SERVICE_NAMESPACE],
        [
            Column("Requests", seen.requests(by), style.REQUESTS),
            Column("5xx, worse side", _worse(seen, clients, by), style.RATIO, style.FAILED_RATIO),
            Column("5xx, servers", seen.failed(by), style.RATIO, style.FAILED_RATIO),
            Column("5xx, clients", clients.failed(by), style.RATIO, style.FAILED_RATIO),
            Column("p50", seen.latency(0.5, by), style.MILLISECONDS, style.LATENCY),
            Column("p90", seen.latency(0.9, by), style.MILLISECONDS, style.LATENCY),
            Column("p99", seen.latency(0.99, by), style.MILLISECONDS, style.LATENCY),
        ],
        sort="5xx, worse side",
        height=9,
    )


def _workloads(seen: Traffic) -> frame.PanelBuilder:
    by = "destination_workload, destination_workload_namespace, destination_version"
    return style.grid(
        "Workloads",
        "Every workload that answered, the one with most failures first. One version of a service worse than the "
        "others: roll it back or shift traffic away.",
        [WORKLOAD, WORKLOAD_NAMESPACE, Key("destination_version", "Version")],
        [
            Column("Requests", seen.requests(by), style.REQUESTS),
            Column("5xx", seen.failed(by), style.RATIO, style.FAILED_RATIO),
            Column("p50", seen.latency(0.5, by), style.MILLISECONDS, style.LATENCY),
            Column("p90", seen.latency(0.9, by), style.MILLISECONDS, style.LATENCY),
            Column("p99", seen.latency(0.99, by), style.MILLISECONDS, style.LATENCY),
        ],
        sort="5xx",
        height=9,
    )


def _rest(seen: Traffic, outside: Traffic) -> list[frame.PanelBuilder]:
    by = "destination_service, destination_service_namespace"
    return [
        style.grid(
            "TCP services",
            "Services that are reached over plain TCP, busiest first. An HTTP service in this list has a port whose "
            "name says tcp, or none: rename it (http-…), or all of its HTTP figures are missing.",
            [SERVICE, SERVICE_NAMESPACE],
            [
                Column("Sent", seen.tcp("sent", by), style.BYTE_RATE),
                Column("Received", seen.tcp("received", by), style.BYTE_RATE),
            ],
            sort="Sent",
            width=12,
            height=8,
        ),
        style.lines(
            "Requests that leave the mesh",
            "Requests to names that istiod does not know. PassthroughCluster lets them out as they are; "
            "BlackHoleCluster refuses them: the caller needs a ServiceEntry.",
            [Query(outside.requests("destination_service_name"), "{{destination_service_name}}")],
            style.REQUESTS,
            width=12,
        ),
    ]
