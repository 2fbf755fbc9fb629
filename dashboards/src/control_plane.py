"""Istio control plane: does istiod deliver configuration, and to whom does it not?"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from . import frame, istiod, style
from .queries import ISTIOD, all_of, changed_objects, or_zero, quantile, rate, seen_by_each
from .style import Column, Key, Query

UID = "meshlab-control-plane"

ISTIOD_UP = f"up{{{ISTIOD}}}"
DAY = 86400
KINDS = ("cds", "eds", "lds", "rds")
"""Kinds of configuration: clusters, endpoints, listeners, routes."""
CERTIFICATE: style.Steps = [
    (None, style.RED),
    (style.LIMITS.ca_certificate_critical_days * DAY, style.ORANGE),
    (style.LIMITS.ca_certificate_warning_days * DAY, style.GREEN),
]
CONVERGENCE: style.Steps = [
    (None, style.GREEN),
    (style.LIMITS.convergence_p99_seconds / 2, style.ORANGE),
    (style.LIMITS.convergence_p99_seconds, style.RED),
]


def build() -> Dashboard:
    """The dashboard, its top row first."""
    return frame.dashboard(
        UID,
        "Istio control plane",
        "Is istiod up, does configuration reach every proxy in time, and which proxies refuse it?",
        [frame.revision()],
        [
            frame.Row("Is it healthy, what changed, who is affected?", _health()),
            frame.Row("What changed?", _changes()),
            frame.Row("Who is affected?", _affected()),
            frame.Row("How is configuration delivered?", istiod.delivery()),
            frame.Row("What does istiod use?", istiod.resources(), collapsed=True),
        ],
        events='namespace="istio-system"',
    )


def _health() -> list[frame.PanelBuilder]:
    rejects = or_zero('sum(istiod:xds_rejects:increase1h{istio_rev=~"$revision"})', ISTIOD_UP)
    failures = or_zero('sum(istiod:injection_failures:increase1h{istio_rev=~"$revision"})', ISTIOD_UP)
    refused = f'{{__name__=~"{"|".join(f"pilot_xds_{kind}_reject" for kind in KINDS)}", {ISTIOD}}}'
    certificates = " or ".join(
        f'label_replace(citadel_server_{which}_expiry_timestamp{{{ISTIOD}}}, "certificate", "{which}", "", "")'
        for which in ("root_cert", "cert_chain")
    )
    return [
        style.number(
            "istiod instances up",
            "istiod targets that answer. Red: running proxies keep their last configuration, but nothing new is "
            "delivered, no pod gets a sidecar and no certificate is renewed. Look at the pods: kubectl -n "
            "istio-system get pods -l app=istiod",
            f"sum({ISTIOD_UP}) or vector(0)",
            style.COUNT,
            style.UP_IS_GOOD,
        ),
        style.number(
            "Connected proxies",
            "Proxies with an open configuration stream. A sudden fall is a network fault or an istiod that restarts; "
            "compare with the number of sidecars: istioctl proxy-status",
            f"sum(pilot_xds{{{ISTIOD}}})",
            style.COUNT,
            style.UP_IS_GOOD,
        ),
        style.number(
            "Convergence p99",
            "Time from a push's start until 99 % of the proxies were sent it. Red: routing changes and new endpoints "
            "arrive late; look at push triggers, configuration size and istiod's CPU below.",
            quantile(0.99, "pilot_proxy_convergence_time", ISTIOD),
            style.SECONDS,
            CONVERGENCE,
        ),
        style.number(
            "CA certificate lasts",
            "Time until the first certificate of istiod's certificate chain ends. Red: renew it now, or all mutual TLS "
            "fails at once: docs/runbooks/istio-ca-certificate-expiring.md",
            f"min({certificates}) - time()",
            style.SECONDS,
            CERTIFICATE,
        ),
        style.number(
            "Failed injections (1h)",
            "Pods that asked for a sidecar and were refused in the last hour. Red: kubectl get events shows "
            "the refused pods, istiod's log the reason.",
            failures,
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
        style.number(
            "Rejected updates (1h)",
            "Updates that a proxy refused in the last hour. Red: the proxy goes on with old configuration. "
            "The table `Which proxies refuse configuration?` below names it; istioctl analyze finds the object.",
            rejects,
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
        style.number(
            "Object changes (1h)",
            "Istio objects that were added, updated or deleted in the last hour; what istiod writes into a status "
            "is an update too. Something is red and this is above 0: `Which objects change?` below has the kind and "
            "the moment.",
            or_zero(f"sum({changed_objects()})", ISTIOD_UP),
            style.COUNT,
            decimals=0,
        ),
        style.number(
            "Proxies that refused",
            "Proxies that have refused an update since istiod started. With `Rejected updates (1h)` red: one is its "
            "own pod's trouble, many at once are an object that all of them get; the table below names them.",
            or_zero(f"count(count by (node) ({refused}))", ISTIOD_UP),
            style.COUNT,
            decimals=0,
        ),
    ]


def _changes() -> list[frame.PanelBuilder]:
    return [
        style.lines(
            "Why does istiod push?",
            "Reasons of configuration pushes, counted for each proxy that is pushed to. A steep rise of `endpoint` is "
            "pods coming and going; of `config` or `service` somebody (or a controller in a loop) editing objects; of "
            "`proxy` proxies that reconnect.",
            [Query(rate("pilot_push_triggers", ISTIOD, "type"), "{{type}}")],
            style.PER_SECOND,
            stacked=True,
        ),
        style.lines(
            "Which objects change?",
            "Events that istiod sees: Istio objects first, then those of Kubernetes (pods, services, endpoints, "
            "nodes). A kind that never rests is a controller that fights another one: kubectl get KIND -A --watch "
            "names the object.",
            [
                Query(seen_by_each("pilot_k8s_cfg_events"), "{{type}} {{event}}"),
                Query(seen_by_each("pilot_k8s_reg_events"), "{{type}} {{event}}"),
            ],
            style.PER_SECOND,
        ),
        style.lines(
            "Which versions run?",
            "istiod by its own version, proxies by the version they report to it. Two lines of proxies mean pods "
            "that have not been restarted since an upgrade: istioctl proxy-status lists them.",
            [
                Query(f'sum by (tag) (istio_build{{component="pilot", {ISTIOD}}})', "istiod {{tag}}"),
                Query(f"sum by (version) (pilot_xds{{{ISTIOD}}})", "proxies {{version}}"),
            ],
            style.COUNT,
        ),
    ]


def _affected() -> list[frame.PanelBuilder]:
    rejected = " or ".join(
        f'label_replace(pilot_xds_{kind}_reject{{{ISTIOD}}}, "xds", "{kind.upper()}", "", "")' for kind in KINDS
    )
    return [
        style.grid(
            "Which proxies refuse configuration?",
            "Every proxy that has refused an update since istiod started; some versions of istiod count to 1 only. For "
            "each: istiod's log has Envoy's reason (grep 'ACK ERROR'), istioctl proxy-status POD whether it is still "
            "so. Empty is good.",
            [Key("node", "Proxy"), Key("xds", "Kind"), Key("err", "Code")],
            [Column("Refused", f"sum by (node, xds, err) ({rejected})", style.COUNT, style.NONE_IS_GOOD)],
            sort="Refused",
            width=12,
            height=8,
        ),
        style.lines(
            "Push errors",
            "Updates that istiod could not build or send, and writes that timed out. Red in an alert: istiod's log "
            "says which proxy; a proxy that cannot take data is out of memory or its node is cut off.",
            [
                Query(rate("pilot_total_xds_internal_errors", ISTIOD), "internal errors"),
                Query(rate("pilot_xds_push_context_errors", ISTIOD), "push context (Istio 1.17)"),
                Query(rate("pilot_xds_write_timeout", ISTIOD), "write timeouts"),
                Query(rate("pilot_xds_pushes", all_of(ISTIOD, 'type=~".*_(senderr|builderr)"'), "type"), "{{type}}"),
                Query(rate("pilot_total_xds_rejects", ISTIOD, "type"), "rejected {{type}}"),
            ],
            style.PER_SECOND,
            width=12,
        ),
        style.lines(
            "Listener conflicts",
            "Services that claim the same port and address in different protocols; istiod drops one of them. Above "
            "0: istioctl analyze -A, then name the ports by protocol (http-…, tcp-…).",
            [
                Query(f"max(pilot_conflict_inbound_listener{{{ISTIOD}}})", "inbound"),
                Query(
                    f"max(pilot_conflict_outbound_listener_http_over_current_tcp{{{ISTIOD}}})",
                    "outbound HTTP over TCP (Istio 1.17)",
                ),
                Query(
                    f"max(pilot_conflict_outbound_listener_tcp_over_current_http{{{ISTIOD}}})",
                    "outbound TCP over HTTP (Istio 1.17)",
                ),
                Query(
                    f"max(pilot_conflict_outbound_listener_tcp_over_current_tcp{{{ISTIOD}}})", "outbound TCP over TCP"
                ),
            ],
            style.COUNT,
        ),
        style.lines(
            "Admission of Istio objects",
            "Istio objects that the validating webhook let through or refused. Refusals while nobody edits: a "
            "controller writes an invalid object again and again; its own log has the message.",
            [
                Query(rate("galley_validation_passed", ISTIOD), "passed"),
                Query(rate("galley_validation_failed", ISTIOD, "reason"), "refused: {{reason}}"),
            ],
            style.PER_SECOND,
        ),
        style.lines(
            "Sidecar injection",
            "Pods that got a sidecar and pods that were refused one. Failures: kubectl get events -A, reason "
            "FailedCreate; istiod's log names the template error.",
            [
                Query(rate("sidecar_injection_success_total", ISTIOD), "injected"),
                Query(rate("sidecar_injection_failure_total", ISTIOD), "failed"),
            ],
            style.PER_SECOND,
        ),
    ]
