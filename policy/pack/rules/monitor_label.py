"""Prometheus selects monitors and rules by one label alone: without it they are there and do nothing."""

from collections.abc import Iterator, Sequence

from ..allowed import allowed
from ..rule import StackRule
from ..subjects import MONITORING_STACK, DeclaredRelease, Object, Subject, mapping

NAME = "monitor-label"
LABEL = "release"
_GROUP = "monitoring.coreos.com"
_KINDS = ("PodMonitor", "Probe", "PrometheusRule", "ScrapeConfig", "ServiceMonitor")


def _check(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, str]]:
    releases = sorted(
        subject.name
        for subject in subjects
        if isinstance(subject, DeclaredRelease) and subject.chart == MONITORING_STACK
    )
    for subject in subjects:
        if not isinstance(subject, Object) or subject.group != _GROUP or subject.kind not in _KINDS:
            continue
        label = mapping(subject.metadata.get("labels")).get(LABEL)
        if label in releases or (label is None and allowed(NAME, subject, "no label")):
            continue
        wanted = " or ".join(releases) if releases else f"the name of a release of {MONITORING_STACK}"
        yield (
            subject,
            f"metadata.labels.{LABEL}: expected {wanted}, got {label or 'nothing'} (Prometheus would not see it)",
        )


RULE = StackRule(
    NAME, f"Monitors and rules carry the label by which the release of {MONITORING_STACK} selects.", _check
)
