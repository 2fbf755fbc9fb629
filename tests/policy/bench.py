"""Runs the pack's policies as the engine would: one resource after the other, then all of them."""

from collections.abc import Sequence
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from policy.pack.engine import policies
from policy.pack.settings import settings_of

Resource = tuple[str, dict[str, Any]]
"""Type token and inputs."""
OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def violations(resources: Sequence[Resource], section: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """Policy and message of every violation among the resources of a stack with this section `policy`."""
    found: list[tuple[str, str]] = []
    asked = [
        (token, unknown_checking_proxy(inputs), f"urn::{number}") for number, (token, inputs) in enumerate(resources)
    ]
    for policy in policies(settings_of(section)):

        def report(message: str, urn: str | None, name: str = policy.name) -> None:
            found.append((name, message))

        if isinstance(policy, ResourceValidationPolicy):
            for token, inputs, urn in asked:
                policy.validate(ResourceValidationArgs(token, inputs, urn, "name", OPTIONS, None), report)
        else:
            assert isinstance(policy, StackValidationPolicy)
            every = [
                PolicyResource(token, inputs, urn, "name", OPTIONS, None, None, [], {}) for token, inputs, urn in asked
            ]
            policy.validate(StackValidationArgs(every, {}), report)
    return found
