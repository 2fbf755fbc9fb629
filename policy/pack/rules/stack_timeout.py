"""kube-prometheus-stack may take its time: a release that gives up half-way has to be taken away by hand."""

from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import MONITORING_STACK, DeclaredRelease, Subject

SECONDS = 600
"""On a cluster that still has to pull its images; a warm one needs a minute."""


def _check(subject: Subject, settings: PackSettings) -> Findings:
    if not isinstance(subject, DeclaredRelease) or subject.chart != MONITORING_STACK:
        return
    timeout = subject.timeout_seconds
    if timeout is None or timeout < SECONDS:
        got = "none, which is 300" if timeout is None else str(timeout)
        yield f"timeout: expected {SECONDS} seconds or more, got {got} (setting monitoring.timeoutSeconds)"


RULE = PolicyRule(
    "stack-timeout", f"A release of {MONITORING_STACK} has {SECONDS} seconds or more to become ready.", _check
)
