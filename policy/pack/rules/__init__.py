"""All rules. One module each: `RULE`, and how it is checked."""

from collections.abc import Iterator, Sequence

from ..rule import PolicyRule, StackRule, Violation
from ..settings import PackSettings
from ..subjects import Subject
from . import (
    anonymous_access,
    host_access,
    images,
    monitor_label,
    pinned_versions,
    plain_secrets,
    prometheus_mesh,
    rbac_wildcards,
    requests_and_limits,
    stack_timeout,
)

RULES: tuple[PolicyRule, ...] = (
    pinned_versions.RULE,
    stack_timeout.RULE,
    plain_secrets.RULE,
    images.RULE,
    anonymous_access.RULE,
    host_access.RULE,
    rbac_wildcards.RULE,
    requests_and_limits.RULE,
)
STACK_RULES: tuple[StackRule, ...] = (monitor_label.RULE, prometheus_mesh.RULE)


def violations(subjects: Sequence[Subject], settings: PackSettings) -> Iterator[Violation]:
    """Every rule that a subject of a whole stack breaks."""
    for rule in RULES:
        for subject in subjects:
            for message in rule.check(subject, settings):
                yield Violation(rule.name, subject, message)
    for rule in STACK_RULES:
        for subject, message in rule.check(subjects):
            yield Violation(rule.name, subject, message)
