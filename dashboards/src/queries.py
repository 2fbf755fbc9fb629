"""Pieces of PromQL that more than one dashboard needs, so that the same word means the same number everywhere.

Every function returns a string. Label matchers are passed without braces. No function sums over both reporters: the
caller says which side's report it counts, because each request is reported once by the client's proxy and once by the
server's.
"""

from dataclasses import dataclass
from typing import Protocol

# What Grafana puts in: at least four scrape intervals, so that a rate never falls between two scrapes.
WINDOW = "$__rate_interval"

# Which istiod targets, which sidecar targets: the jobs that manifests/mesh_monitors/ gives them.
ISTIOD = 'job="pilot", istio_rev=~"$revision"'
SIDECARS = 'job="envoy-stats", istio_rev=~"$revision"'

FAILED = 'response_code=~"5.*"'


def all_of(*matchers: str) -> str:
    """Joins label matchers, leaving out empty ones."""
    return ", ".join(matcher for matcher in matchers if matcher)


def rate(metric: str, matchers: str = "", by: str = "", window: str = WINDOW) -> str:
    """The summed increase of a counter in units per second, by the given labels."""
    return f"sum{_by(by)} (rate({metric}{{{matchers}}}[{window}]))"


def seen_by_each(events: str) -> str:
    """Events per second by type and event. Each istiod sees all of them, so that a sum would count them once a pod."""
    return f"max by (type, event) (rate({events}{{{ISTIOD}}}[{WINDOW}]))"


def changed_objects() -> str:
    """Istio objects that changed in the last hour, by type and event; as `seen_by_each`, whole numbers.

    A counter is absent until its first event, and what an istiod finds when it starts is no change. So all of a
    counter that is younger than its istiod counts, and of any other what was added.
    """
    events, build = f"pilot_k8s_cfg_events{{{ISTIOD}}}", f'istio_build{{component="pilot", {ISTIOD}}}'
    whole_life = f"max by (namespace, pod) (count_over_time({build}[1h]))"
    younger = f"count_over_time({events}[1h]) < on (namespace, pod) group_left () {whole_life}"
    first = f"({events} unless {events} offset 1h) and ({younger})"
    return f"max by (type, event) ({first} or round(increase({events}[1h])))"


def ratio(part: str, whole: str) -> str:
    """`part` over `whole`, where a whole of 0 gives no point at all rather than a wrong one."""
    return f"{part} / ({whole} > 0)"


def share(part: str, whole: str) -> str:
    """As `ratio`, where `part` may have no series at all: 0 then, by the same labels as `whole`.

    A counter of one status code is absent until that code comes up. A service that has answered nothing but 5xx has no
    series of good answers, one that has never failed none of bad ones; neither must be missing.
    """
    return ratio(or_none(part, whole), whole)


def or_none(part: str, whole: str) -> str:
    """`part`, or 0 where only `whole` has the same labels."""
    return f"({part} or 0 * {whole})"


def pods_of(workload: str) -> str:
    """A regular expression for the names of a workload's pods, and not those of `<workload>-v2` beside it.

    What Kubernetes adds: a hash and a random end (Deployment), the random end (DaemonSet, Job) or a number
    (StatefulSet). Its random letters are never vowels.
    """
    letter = "[bcdfghjklmnpqrstvwxz2456789]"
    return f"({workload})-(({letter}{{1,10}}-)?{letter}{{5}}|[0-9]+)"


def or_zero(expression: str, presence: str) -> str:
    """`expression`, or 0 while `presence` exists.

    Many counters of Istio are absent until their first event. A bare `or vector(0)` would show a healthy 0 for a
    target that nobody scrapes; this one stays empty then.
    """
    return f"{expression} or 0 * count({presence})"


class Rates(Protocol):
    """Where the rate of a counter comes from."""

    def rate(self, metric: str, matchers: str, by: str) -> str:
        """The summed rate of a counter in units per second, by the given labels."""
        ...


@dataclass(frozen=True)
class Raw:
    """Rates computed from the counters at every look."""

    window: str = WINDOW

    def rate(self, metric: str, matchers: str, by: str) -> str:
        return rate(metric, matchers, by, self.window)


@dataclass(frozen=True)
class RecordedRates:
    """Rates that manifests/mesh_monitors/rules/recording.yaml computes once; `level` is how far they are summed."""

    level: str

    def rate(self, metric: str, matchers: str, by: str) -> str:
        return f"sum{_by(by)} ({self.level}:{metric}:rate5m{{{matchers}}})"


RAW = Raw()


def quantile(q: float, histogram: str, matchers: str = "", by: str = "", rates: Rates = RAW) -> str:
    """The q-quantile of a classic histogram (named without `_bucket`) in the histogram's own unit."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rates.rate(f'{histogram}_bucket', matchers, labels)})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
