"""Envoy demo: the standalone Envoy of Lab 01, by its own statistics. Timeouts and retries show here first."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from . import frame, style
from .queries import WINDOW, all_of, or_zero, quantile, rate, ratio, share
from .style import Column, Key, Query

UID = "meshlab-envoy-demo"

# The monitor's job, and the listener's own connection manager: the admin port's requests are Prometheus' scrapes.
POD = 'job="envoy", namespace=~"$namespace"'
FRONT = all_of(POD, 'envoy_http_conn_manager_prefix!~"admin|async-client"')
FAILED = 'envoy_response_code_class="5"'
BACK = all_of(POD, 'envoy_cluster_name=~"$cluster"')
LATENCY: style.Steps = [(None, style.GREEN), (500, style.ORANGE), (1000, style.RED)]
"""Milliseconds; Lab 01's own timeout is one second."""


def build() -> Dashboard:
    """The dashboard, its top row first."""
    return frame.dashboard(
        UID,
        "Envoy demo (Lab 01)",
        "The standalone Envoy: does it answer, does it retry or time out, are its upstreams well?",
        [
            frame.choice("namespace", "Namespace", "Where the Envoy runs", 'up{job="envoy"}', "namespace"),
            frame.choice(
                "cluster",
                "Upstream",
                "Envoy's name for what it forwards to",
                'envoy_cluster_upstream_rq_total{job="envoy"}',
                "envoy_cluster_name",
            ),
        ],
        [
            frame.Row("Is it healthy, what changed, who is affected?", _health()),
            frame.Row("What changed?", _changes()),
            frame.Row("Timeouts and retries", _retries()),
            frame.Row("Which upstream is affected?", _upstreams()),
            frame.Row("Envoy itself", _itself(), collapsed=True),
        ],
        events='namespace=~"$namespace"',
    )


def _health() -> list[frame.PanelBuilder]:
    answered = rate("envoy_http_downstream_rq_xx", FRONT)
    return [
        style.number(
            "Envoys up",
            "Envoys whose admin port answers. Red: kubectl -n default get pods -l app=envoy; a wrong configuration "
            "file ends in a crash loop whose log names the line.",
            f"sum(up{{{POD}}}) or vector(0)",
            style.COUNT,
            style.UP_IS_GOOD,
        ),
        style.number(
            "Requests",
            "Requests per second from clients. 0: nobody calls; kubectl exec deploy/sleep -- curl -s "
            "http://envoy/headers",
            rate("envoy_http_downstream_rq_total", FRONT),
            style.REQUESTS,
        ),
        style.number(
            "Requests without 5xx",
            "Share of the answers to clients that are no 5xx, after retries. Red: see whether upstreams answer 5xx "
            "themselves or Envoy gave up (504).",
            f"1 - {share(rate('envoy_http_downstream_rq_xx', all_of(FRONT, FAILED)), answered)}",
            style.RATIO,
            style.SUCCESS_RATIO,
            decimals=2,
        ),
        style.number(
            "Latency p99",
            "One answer in a hundred takes longer. Between 1 s and 2.5 s (one bucket) in scenario timeout that is the "
            "timeout at work; at other times the upstream is slow, see `Latency` below.",
            quantile(0.99, "envoy_http_downstream_rq_time", FRONT),
            style.MILLISECONDS,
            LATENCY,
        ),
        style.number(
            "Healthy upstreams",
            "Share of the upstreams' hosts that Envoy sends to. Red: none left; DNS gives no address or every one "
            "was ejected.",
            ratio(f"sum(envoy_cluster_membership_healthy{{{BACK}}})", f"sum(envoy_cluster_membership_total{{{BACK}}})"),
            style.RATIO,
            style.FULL_RATIO,
        ),
        style.number(
            "Retries per request",
            "Retries for each request that went upstream. Above 1 the retries are most of the upstream's load: a "
            "retry storm; lower numRetries.",
            ratio(rate("envoy_cluster_upstream_rq_retry", BACK), rate("envoy_cluster_upstream_rq_total", BACK)),
            style.NO_UNIT,
            [(None, style.GREEN), (0.2, style.ORANGE), (1, style.RED)],
            decimals=2,
        ),
        style.number(
            "Since the last roll",
            "Time since the youngest Envoy started: a change of scenario rolls it. Short and nobody changed anything: "
            "it crashed; kubectl -n default logs deploy/envoy --previous says why.",
            f"min(envoy_server_uptime{{{POD}}})",
            style.SECONDS,
        ),
        style.number(
            "Upstreams over budget",
            "Upstreams whose share of 5xx is larger than the budget, each try counted. The table `Upstreams` names "
            "them; `Answers of the upstreams` says whether they answer 5xx or Envoy gives up on them (504).",
            or_zero(
                f"count({_failed_upstream()} > {style.LIMITS.error_budget_ratio})",
                f"envoy_cluster_upstream_rq_total{{{BACK}}}",
            ),
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
    ]


def _failed_upstream(by: str = "envoy_cluster_name") -> str:
    """Share of the tries that ended in a 5xx or without an answer, by upstream."""
    answers = "envoy_cluster_upstream_rq_xx"
    return share(rate(answers, all_of(BACK, FAILED), by), rate(answers, BACK, by))


def _changes() -> list[frame.PanelBuilder]:
    return [
        style.lines(
            "Answers to clients",
            "By class of status code, after retries. Compare with the upstreams' own answers: what differs is "
            "Envoy's work.",
            [
                Query(
                    rate("envoy_http_downstream_rq_xx", FRONT, "envoy_response_code_class"),
                    "{{envoy_response_code_class}}xx",
                )
            ],
            style.REQUESTS,
            stacked=True,
            colours=style.BY_RESPONSE,
        ),
        style.lines(
            "Answers of the upstreams",
            "By status code, each retry counted. 504 is Envoy's own: no answer within the route's timeout.",
            [Query(rate("envoy_cluster_upstream_rq", BACK, "envoy_response_code"), "{{envoy_response_code}}")],
            style.REQUESTS,
            stacked=True,
        ),
        style.lines(
            "Latency",
            "For clients (retries included) and for each try upstream. A client's p99 far above the upstream's is "
            "time spent on retries.",
            [
                Query(quantile(0.5, "envoy_http_downstream_rq_time", FRONT), "clients p50"),
                Query(quantile(0.99, "envoy_http_downstream_rq_time", FRONT), "clients p99"),
                Query(quantile(0.5, "envoy_cluster_upstream_rq_time", BACK), "upstream p50"),
                Query(quantile(0.99, "envoy_cluster_upstream_rq_time", BACK), "upstream p99"),
            ],
            style.MILLISECONDS,
        ),
    ]


def _retries() -> list[frame.PanelBuilder]:
    by = "envoy_cluster_name"
    legend = "{{envoy_cluster_name}}"
    return [
        style.lines(
            "Timeouts",
            "Requests (whole) and tries (single) that got no answer in time. In scenario timeout every /delay/5 "
            "counts once; unexpected ones: the upstream is slow, see its latency.",
            [
                Query(rate("envoy_cluster_upstream_rq_timeout", BACK, by), f"{legend} request"),
                Query(rate("envoy_cluster_upstream_rq_per_try_timeout", BACK, by), f"{legend} try"),
            ],
            style.REQUESTS,
        ),
        style.lines(
            "Retries",
            "Retries, those that helped, and requests that failed after the last one. Retries that never help: the "
            "error is no passing one, retrying only adds load.",
            [
                Query(rate("envoy_cluster_upstream_rq_retry", BACK, by), f"{legend} retries"),
                Query(rate("envoy_cluster_upstream_rq_retry_success", BACK, by), f"{legend} helped"),
                Query(rate("envoy_cluster_upstream_rq_retry_limit_exceeded", BACK, by), f"{legend} used up"),
                Query(rate("envoy_cluster_upstream_rq_retry_overflow", BACK, by), f"{legend} not allowed (breaker)"),
            ],
            style.REQUESTS,
        ),
        style.lines(
            "Why does it retry?",
            "Answers that were retried, by status code. In scenario retry each /status/500 brings three.",
            [Query(rate("envoy_cluster_retry_upstream_rq", BACK, "envoy_response_code"), "{{envoy_response_code}}")],
            style.REQUESTS,
        ),
    ]


def _upstreams() -> list[frame.PanelBuilder]:
    by = "envoy_cluster_name"
    requests = rate("envoy_cluster_upstream_rq_total", BACK, by)
    return [
        style.grid(
            "Upstreams",
            "Every upstream, the one with most failures first. No healthy host: its Service has no pods. Failed "
            "connections: the pods are there, the port is wrong or closed.",
            [Key("envoy_cluster_name", "Upstream")],
            [
                Column("Requests", requests, style.REQUESTS),
                Column("5xx", _failed_upstream(by), style.RATIO, style.FAILED_RATIO),
                Column("p99", quantile(0.99, "envoy_cluster_upstream_rq_time", BACK, by), style.MILLISECONDS, LATENCY),
                Column("Healthy hosts", f"sum by ({by}) (envoy_cluster_membership_healthy{{{BACK}}})", style.COUNT),
                Column("Hosts", f"sum by ({by}) (envoy_cluster_membership_total{{{BACK}}})", style.COUNT),
            ],
            sort="5xx",
            width=12,
            height=8,
        ),
        style.lines(
            "Connections to the upstreams",
            "Open ones, and those that could not be opened. Failed above 0: the address answers nobody.",
            [
                Query(f"sum by ({by}) (envoy_cluster_upstream_cx_active{{{BACK}}})", "{{envoy_cluster_name}} open"),
                Query(
                    f"sum by ({by}) (increase(envoy_cluster_upstream_cx_connect_fail{{{BACK}}}[{WINDOW}]))",
                    "{{envoy_cluster_name}} failed",
                ),
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Circuit breakers",
            "Requests that a circuit breaker refused, and whether one is open (1). Open: too many requests wait; "
            "raise the limit or slow the callers.",
            [
                Query(
                    f"sum by ({by}) (increase(envoy_cluster_upstream_rq_pending_overflow{{{BACK}}}[{WINDOW}]))",
                    "{{envoy_cluster_name}} refused",
                ),
                Query(
                    f"max by ({by}) (envoy_cluster_circuit_breakers_default_rq_open{{{BACK}}})",
                    "{{envoy_cluster_name}} open",
                ),
            ],
            style.COUNT,
            width=6,
        ),
    ]


def _itself() -> list[frame.PanelBuilder]:
    return [
        style.lines(
            "Uptime",
            "Seconds since each Envoy started. A change of scenario starts a new pod; a fall at any other time is a "
            "crash.",
            [Query(f"envoy_server_uptime{{{POD}}}", "{{pod}}")],
            style.SECONDS,
        ),
        style.lines(
            "Memory",
            "Bytes on the heap and allocated. Growth that never stops is connections that are never closed.",
            [
                Query(f"envoy_server_memory_heap_size{{{POD}}}", "{{pod}} heap"),
                Query(f"envoy_server_memory_allocated{{{POD}}}", "{{pod}} allocated"),
            ],
            style.BYTES,
        ),
        style.lines(
            "Clients' connections and requests",
            "Open connections and requests in flight. Requests that pile up: the upstream is slower than the clients.",
            [
                Query(f"sum by (pod) (envoy_http_downstream_cx_active{{{FRONT}}})", "{{pod}} connections"),
                Query(f"sum by (pod) (envoy_http_downstream_rq_active{{{FRONT}}})", "{{pod}} requests"),
            ],
            style.COUNT,
        ),
    ]
