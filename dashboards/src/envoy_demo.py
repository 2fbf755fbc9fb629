"""Envoy demo: the standalone Envoy of Lab 01, by its own statistics. Timeouts and retries show here first.

What Envoy counts where: a request may take several tries. `upstream_rq` and `upstream_rq_xx` of a cluster count a
request's last answer alone, Envoy's own 503 and 504 among them, and `upstream_rq_completed` the requests. An answer
that was retried stands under `retry_upstream_rq`, a try that got no answer in no status code at all; but every retry
adds to `upstream_rq_retry`, so that requests and retries together are the tries. `upstream_rq_time` spans all tries
of a request, and knows only those that an upstream answered in the end.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from . import frame, style
from .queries import WINDOW, all_of, or_none, or_zero, quantile, rate, ratio, share
from .style import Column, Key, Query

UID = "meshlab-envoy-demo"

# The monitor's job, and the connection managers for clients: the admin port's requests are Prometheus' scrapes, those
# of `readiness` the kubelet's probes.
POD = 'job="envoy", namespace=~"$namespace"'
FRONT = all_of(POD, 'envoy_http_conn_manager_prefix!~"admin|async-client|readiness"')
FAILED = 'envoy_response_code_class="5"'
BACK = all_of(POD, 'envoy_cluster_name=~"$cluster"')
CLUSTER = "envoy_cluster_name"
REQUESTS, RETRIES = "envoy_cluster_upstream_rq_completed", "envoy_cluster_upstream_rq_retry"
LIMITED = ("cx", "cx_pool", "rq", "rq_pending", "rq_retry")
"""What a circuit breaker limits: connections, their pools, requests, waiting ones and retries."""
BREAKERS = f'__name__=~"{"|".join(f"envoy_cluster_circuit_breakers_default_{what}_open" for what in LIMITED)}"'
LATENCY: style.Steps = [(None, style.GREEN), (250, style.ORANGE), (500, style.RED)]
"""Milliseconds. Lab 01's own timeout is one second, and Envoy's bucket `up to 1000` holds what took up to 1100: a
timeout shows between 500 and 1000."""


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
            "themselves, or Envoy reached none (503) or gave up (504).",
            f"1 - {share(rate('envoy_http_downstream_rq_xx', all_of(FRONT, FAILED)), answered)}",
            style.RATIO,
            style.SUCCESS_RATIO,
            decimals=2,
        ),
        style.number(
            "Latency p99",
            "One answer in a hundred takes longer. Between 500 ms and 1 s (one bucket, up to 1.1 s in truth) in "
            "scenario timeout that is the timeout at work; at other times the upstream is slow or was asked several "
            "times, see `Latency` below.",
            quantile(0.99, "envoy_http_downstream_rq_time", FRONT),
            style.MILLISECONDS,
            LATENCY,
        ),
        style.number(
            "Healthy upstreams",
            "Share of the hosts that Envoy sends to, of the upstream where it is lowest. Red: DNS gives no address, or "
            "hosts were ejected. Lab 01's file checks no host: one that refuses connections counts, see "
            "`Connections to the upstreams`.",
            f"min({_healthy_hosts()})",
            style.RATIO,
            style.FULL_RATIO,
        ),
        style.number(
            "Retries per request",
            "Retries for each request, at most numRetries. From 0.5 on a third of the upstream's load and more is "
            "retries: a retry storm; see `Why does it retry?`, and lower numRetries if they do not help.",
            ratio(rate(RETRIES, BACK), rate(REQUESTS, BACK)),
            style.NO_UNIT,
            [(None, style.GREEN), (0.2, style.ORANGE), (0.5, style.RED)],
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
            "Upstreams whose share of failed tries is larger than the budget. Retries may hide that from clients. The "
            "table `Upstreams` names them; `Answers of the upstreams` says whether they answer 5xx, or Envoy reached "
            "none (503) or gave up (504).",
            or_zero(
                f"count({_failed_tries()} > {style.LIMITS.error_budget_ratio})",
                f"envoy_cluster_upstream_rq_total{{{BACK}}}",
            ),
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
    ]


def _failed_tries() -> str:
    """Share of the tries that failed, by upstream: that were retried, or ended a request with a 5xx."""
    last = or_none(rate("envoy_cluster_upstream_rq_xx", all_of(BACK, FAILED), CLUSTER), rate(REQUESTS, BACK, CLUSTER))
    retries = rate(RETRIES, BACK, CLUSTER)
    return ratio(f"({last} + {retries})", f"({rate(REQUESTS, BACK, CLUSTER)} + {retries})")


def _healthy_hosts() -> str:
    """Share of the hosts that are healthy, by upstream; 0 for an upstream without any."""
    healthy, hosts = (
        f"sum by ({CLUSTER}) (envoy_cluster_membership_{what}{{{BACK}}})" for what in ("healthy", "total")
    )
    return f"{ratio(healthy, hosts)} or 0 * {hosts}"


def _while_retrying(metric: str) -> str:
    """Rate of what makes Envoy retry, where it does: these counters grow without a retry policy as well."""
    return f"{rate(metric, BACK)} and on () {rate(RETRIES, BACK)} > 0"


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
            "By status code: what ended a request, and what was retried. Some are Envoy's own: 503 where it reached no "
            "host, 504 where no answer came within the route's timeout; see `Connections to the upstreams` and "
            "`Timeouts`.",
            [
                Query(rate("envoy_cluster_upstream_rq", BACK, "envoy_response_code"), "{{envoy_response_code}}"),
                Query(
                    rate("envoy_cluster_retry_upstream_rq", BACK, "envoy_response_code"),
                    "{{envoy_response_code}}, retried",
                ),
            ],
            style.REQUESTS,
            stacked=True,
        ),
        style.lines(
            "Latency",
            "Of all requests, and of those that an upstream answered in the end; both with all tries and the pauses "
            "between them. All far above answered: Envoy gave up on some, see `Timeouts`. Both high, and retries: the "
            "tries add up.",
            [
                Query(quantile(0.5, "envoy_http_downstream_rq_time", FRONT), "all p50"),
                Query(quantile(0.99, "envoy_http_downstream_rq_time", FRONT), "all p99"),
                Query(quantile(0.5, "envoy_cluster_upstream_rq_time", BACK), "answered p50"),
                Query(quantile(0.99, "envoy_cluster_upstream_rq_time", BACK), "answered p99"),
            ],
            style.MILLISECONDS,
        ),
    ]


def _retries() -> list[frame.PanelBuilder]:
    legend = "{{envoy_cluster_name}}"
    return [
        style.lines(
            "Timeouts",
            "Requests (whole) and tries (single, where the route has perTryTimeout) that got no answer in time. In "
            "scenario timeout every /delay/5 counts once; unexpected ones: the upstream is slow, see its latency.",
            [
                Query(rate("envoy_cluster_upstream_rq_timeout", BACK, CLUSTER), f"{legend} request"),
                Query(rate("envoy_cluster_upstream_rq_per_try_timeout", BACK, CLUSTER), f"{legend} try"),
            ],
            style.REQUESTS,
        ),
        style.lines(
            "Retries",
            "Retries, requests that they helped, and requests that failed after the last one. Retries that never help: "
            "the error is no passing one, retrying only adds load. Not allowed: more than three at once, unless the "
            "cluster's circuit breaker says another number.",
            [
                Query(rate(RETRIES, BACK, CLUSTER), f"{legend} retries"),
                Query(rate("envoy_cluster_upstream_rq_retry_success", BACK, CLUSTER), f"{legend} helped"),
                Query(rate("envoy_cluster_upstream_rq_retry_limit_exceeded", BACK, CLUSTER), f"{legend} used up"),
                Query(
                    rate("envoy_cluster_upstream_rq_retry_overflow", BACK, CLUSTER), f"{legend} not allowed (breaker)"
                ),
            ],
            style.REQUESTS,
        ),
        style.lines(
            "Why does it retry?",
            "Answers that were retried, by status code: in scenario retry each /status/500 brings three. And tries "
            "that got no answer while Envoy retries, a request's last one with them: its address refuses (is the port "
            "right?), the connection was cut (does the upstream crash?), or perTryTimeout was over.",
            [
                Query(rate("envoy_cluster_retry_upstream_rq", BACK, "envoy_response_code"), "{{envoy_response_code}}"),
                Query(_while_retrying("envoy_cluster_upstream_cx_connect_fail"), "no connection"),
                Query(_while_retrying("envoy_cluster_upstream_cx_destroy_remote_with_active_rq"), "connection cut"),
                Query(_while_retrying("envoy_cluster_upstream_rq_per_try_timeout"), "no answer in time"),
            ],
            style.REQUESTS,
        ),
    ]


def _upstreams() -> list[frame.PanelBuilder]:
    by = CLUSTER
    return [
        style.grid(
            "Upstreams",
            "Every upstream, the one with most failures first. p99 is of what it answered, all tries of a request "
            "together. No host: its name does not exist. Failed connections (beside this): the name does, but nobody "
            "listens; its Service has no pods, or the port is wrong.",
            [Key("envoy_cluster_name", "Upstream")],
            [
                Column("Requests", rate(REQUESTS, BACK, by), style.REQUESTS),
                Column("Retries", rate(RETRIES, BACK, by), style.REQUESTS),
                Column("Failed tries", _failed_tries(), style.RATIO, style.FAILED_RATIO),
                Column("p99", quantile(0.99, "envoy_cluster_upstream_rq_time", BACK, by), style.MILLISECONDS, LATENCY),
                Column("Healthy hosts", f"sum by ({by}) (envoy_cluster_membership_healthy{{{BACK}}})", style.COUNT),
                Column("Hosts", f"sum by ({by}) (envoy_cluster_membership_total{{{BACK}}})", style.COUNT),
            ],
            sort="Failed tries",
            width=12,
            height=8,
        ),
        style.lines(
            "Connections to the upstreams",
            "Open ones, and those that could not be opened. Failed above 0: the address answers nobody. No host above "
            "0: requests came while there was no host to connect to.",
            [
                Query(f"sum by ({by}) (envoy_cluster_upstream_cx_active{{{BACK}}})", "{{envoy_cluster_name}} open"),
                Query(
                    f"sum by ({by}) (increase(envoy_cluster_upstream_cx_connect_fail{{{BACK}}}[{WINDOW}]))",
                    "{{envoy_cluster_name}} failed",
                ),
                Query(
                    f"sum by ({by}) (increase(envoy_cluster_upstream_cx_none_healthy{{{BACK}}}[{WINDOW}]))",
                    "{{envoy_cluster_name}} no host",
                ),
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Circuit breakers",
            "Requests that a circuit breaker refused, and whether one is open (1): for connections, requests, waiting "
            "requests or retries. Open: too many at once; raise the limit or slow the callers.",
            [
                Query(
                    f"sum by ({by}) (increase(envoy_cluster_upstream_rq_pending_overflow{{{BACK}}}[{WINDOW}]))",
                    "{{envoy_cluster_name}} refused",
                ),
                Query(
                    f"max by ({by}) ({{{all_of(BREAKERS, BACK)}}})",
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
