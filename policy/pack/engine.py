"""The rules as policies of the engine, which asks about each resource and, at the end, about all of them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from .rule import PolicyRule, StackRule
from .rules import RULES, STACK_RULES
from .settings import PackSettings
from .subjects import subject_of
from .walk import UNKNOWN


def policies(settings: PackSettings) -> list[Policy]:
    """Every rule as a policy, for a stack with these settings."""
    return [*(_resource_policy(rule, settings) for rule in RULES), *(_stack_policy(rule) for rule in STACK_RULES)]


def plain(value: Any) -> Any:
    """What the engine hands over as plain data.

    Its own wrapper refuses to be read where one value is unknown; here that value alone is UNKNOWN, since what is
    beside it can be judged all the same.
    """
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        return {key: _entry(fields, key) for key in fields}
    if isinstance(value, Sequence) and not isinstance(value, str):
        entries = cast(Sequence[Any], value)
        return [_entry(entries, number) for number in range(len(entries))]
    return value


def _entry(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN


def _resource_policy(rule: PolicyRule, settings: PackSettings) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        subject = subject_of(args.resource_type, plain(args.props), args.urn)
        if subject is not None:
            for message in rule.check(subject, settings):
                report_violation(f"{subject.label}: {message}", None)

    return ResourceValidationPolicy(rule.name, rule.description, validate)


def _stack_policy(rule: StackRule) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        found = (subject_of(resource.resource_type, plain(resource.props), resource.urn) for resource in args.resources)
        for subject, message in rule.check([subject for subject in found if subject is not None]):
            report_violation(f"{subject.label}: {message}", subject.urn)

    return StackValidationPolicy(rule.name, rule.description, validate)
