"""Traffic panels that the service and the workload dashboard share: the same question, asked of other labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import style
from .frame import PanelBuilder, deploys
from .queries import FAILED, RAW, Rates, all_of, or_zero, quantile, share
from .style import Column, Key, Query

RESPONSES = (
    ("2xx", 'response_code=~"2.*"'),
    ("3xx", 'response_code=~"3.*"'),
    ("4xx", 'response_code=~"4.*"'),
    ("5xx", FAILED),
    ("no response", 'response_code="0"'),
)


@dataclass(frozen=True)
class Traffic:
    """Requests that match `matchers`, which must hold exactly one reporter (or a variable with one value)."""

    matchers: str
    rates: Rates = RAW

    def requests(self, by: str = "", extra: str = "") -> str:
        """Requests per second."""
        return self.rates.rate("istio_requests_total", all_of(self.matchers, extra), by)

    def success(self, by: str = "") -> str:
        """Share of the requests that did not end in a 5xx, 0 to 1."""
        return f"1 - {self.failed(by)}"

    def failed(self, by: str = "") -> str:
        """Share of the requests that ended in a 5xx, 0 to 1; 0 where there were none."""
        return share(self.requests(by, FAILED), self.requests(by))

    def over_budget(self, by: str) -> str:
        """How many of `by` have a larger share of 5xx than their budget."""
        return or_zero(f"count({self.failed(by)} > {style.LIMITS.error_budget_ratio})", self.requests())

    def latency(self, q: float, by: str = "") -> str:
        """The q-quantile of the request duration in milliseconds."""
        return quantile(q, "istio_request_duration_milliseconds", self.matchers, by, self.rates)

    def size(self, direction: str, q: float, by: str = "") -> str:
        """The q-quantile of the size of requests or responses (`direction`) in bytes."""
        return quantile(q, f"istio_{direction}_bytes", self.matchers, by, self.rates)

    def tcp(self, direction: str, by: str = "") -> str:
        """Bytes per second over TCP connections, `sent` to the client or `received` from it."""
        return self.rates.rate(f"istio_tcp_{direction}_bytes_total", self.matchers, by)


def health(traffic: Traffic, subject: str, *, hurry: str, events: str) -> list[PanelBuilder]:
    """The top row: rate, failures, latency, mutual TLS and TCP of `subject` (as it stands in a sentence), and whom.

    `events` is a label matcher on `namespace`, for the deploys.
    """
    encrypted = traffic.requests(extra='connection_security_policy="mutual_tls"')
    return [
        style.number(
            "Requests",
            f"Requests per second to {subject}. Next to nothing where there should be traffic: callers cannot reach "
            "it; switch `Seen by` to client and look again.",
            traffic.requests(),
            style.REQUESTS,
        ),
        style.number(
            "Requests without 5xx",
            f"Share of the requests to {subject} that did not end in a 5xx. Red: the error budget is spent five times "
            f"too fast. {hurry}",
            traffic.success(),
            style.RATIO,
            style.SUCCESS_RATIO,
            decimals=2,
        ),
        style.number(
            "Latency p50",
            "Half of the requests are faster. Red: all of it is slow, not a few requests: look for a deploy, a slow "
            "dependency, or CPU throttling.",
            traffic.latency(0.5),
            style.MILLISECONDS,
            style.LATENCY,
        ),
        style.number(
            "Latency p99",
            "One request in a hundred is slower. Red while p50 is green: some pods, some callers or some calls only; "
            "the tables below tell which.",
            traffic.latency(0.99),
            style.MILLISECONDS,
            style.LATENCY,
        ),
        style.number(
            "Over mutual TLS",
            "Share of the requests that came encrypted and with an identity. Below 1 somebody outside the mesh calls "
            "in plain text: the table of callers names it. Seen by the client this is always 0: only the server "
            "knows.",
            share(encrypted, traffic.requests()),
            style.RATIO,
            style.FULL_RATIO,
        ),
        style.number(
            "TCP bytes",
            "Bytes per second in both directions over connections that are not HTTP. 0 or no data is normal for an "
            "HTTP service.",
            f"{traffic.tcp('sent')} + {traffic.tcp('received')}",
            style.BYTE_RATE,
            none="no TCP",
        ),
        deploys(events),
        style.number(
            "Callers over budget",
            f"Callers of {subject} whose share of 5xx is larger than the budget. One of many: that caller; all: "
            f"{subject} itself. The table `Which callers are affected?` names them.",
            traffic.over_budget("source_workload, source_workload_namespace"),
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
    ]


def changes(traffic: Traffic, split: Sequence[tuple[str, str]]) -> list[PanelBuilder]:
    """What became different: by kind of answer, by Envoy's own reason, and by each (label, name) of `split`."""
    panels: list[PanelBuilder] = [
        style.lines(
            "Requests by response",
            "Requests by class of status code. `no response` is a client that went away or a connection that broke: "
            "see the reasons beside.",
            [Query(traffic.requests(extra=matcher), name) for name, matcher in RESPONSES],
            style.REQUESTS,
            width=6,
            stacked=True,
            colours=style.BY_RESPONSE,
        ),
        style.lines(
            "Why does Envoy answer itself?",
            "Requests that carry a response flag. UH: no healthy pod; UF, UC: connection to the pod failed or broke; "
            "URX: retries used up; UT: timeout; NR: no route; UO: circuit breaker open; DC: the client left.",
            [Query(traffic.requests("response_flags", 'response_flags!="-"'), "{{response_flags}}")],
            style.REQUESTS,
            width=6,
        ),
    ]
    for labels, name in split:
        legend = " ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(","))
        panels.append(
            style.lines(
                f"Requests by {name}",
                f"The same requests by {name}. A line that appears or vanishes is a deploy or a shift of traffic; the "
                "marks on the time axis say which.",
                [Query(traffic.requests(labels), legend)],
                style.REQUESTS,
                width=6,
            )
        )
        panels.append(
            style.lines(
                f"5xx by {name}",
                f"Share of 5xx by {name}. One line above the others: that {name} alone; all of them: something they "
                "share.",
                [Query(traffic.failed(labels), legend)],
                style.RATIO,
                width=6,
                top=1,
            )
        )
    return panels


def peers(traffic: Traffic, title: str, description: str, keys: Sequence[Key], width: int = 24) -> PanelBuilder:
    """A table of who is on the other side, worst first."""
    by = ", ".join(key.label for key in keys)
    return style.grid(
        title,
        description,
        keys,
        [
            Column("Requests", traffic.requests(by), style.REQUESTS),
            Column("5xx", traffic.failed(by), style.RATIO, style.FAILED_RATIO),
            Column("p50", traffic.latency(0.5, by), style.MILLISECONDS, style.LATENCY),
            Column("p99", traffic.latency(0.99, by), style.MILLISECONDS, style.LATENCY),
        ],
        sort="5xx",
        width=width,
    )


def detail(traffic: Traffic, by: str, name: str) -> list[PanelBuilder]:
    """Course of latency and sizes, by `by` (called `name`)."""
    legend = ".".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return [
        style.lines(
            f"Latency by {name} (p50, p99)",
            f"Request duration by {name}. The dashed line is the alert's target; one {name} above it: its pods or its "
            "path, all of them: a shared dependency.",
            [
                Query(traffic.latency(0.5, by), f"p50 {legend}"),
                Query(traffic.latency(0.99, by), f"p99 {legend}"),
            ],
            style.MILLISECONDS,
            limit="meshlab:threshold:latency_target_milliseconds",
            width=12,
        ),
        style.lines(
            f"Size of requests and responses by {name} (p99)",
            "Bytes of a request and of a response. A jump without a deploy is a caller that sends or asks for more "
            "than before.",
            [
                Query(traffic.size("request", 0.99, by), f"request {legend}"),
                Query(traffic.size("response", 0.99, by), f"response {legend}"),
            ],
            style.BYTES,
            width=12,
        ),
    ]


def tcp(traffic: Traffic, by: str, name: str) -> list[PanelBuilder]:
    """Course of the bytes over TCP, by `by` (called `name`)."""
    legend = ".".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return [
        style.lines(
            f"TCP bytes sent by {name}",
            "Bytes per second from the server to the client. A stop while connections stay open is a peer that hangs.",
            [Query(traffic.tcp("sent", by), legend)],
            style.BYTE_RATE,
            width=12,
        ),
        style.lines(
            f"TCP bytes received by {name}",
            "Bytes per second from the client to the server. A rise without one in `sent` is an upload or a flood; "
            "the caller is in the legend.",
            [Query(traffic.tcp("received", by), legend)],
            style.BYTE_RATE,
            width=12,
        ),
    ]
