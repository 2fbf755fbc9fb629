"""What platforms write into the webhooks of others, on every cluster of theirs and again after every change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kube.api_objects import Manifest, entries, mapping

WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@dataclass(frozen=True)
class Platform:
    """A platform that adds terms to the namespaceSelector of each webhook."""

    name: str
    manager: str
    """As it calls itself in managedFields."""
    terms: tuple[Mapping[str, Any], ...]
    sources: tuple[str, ...]


PLATFORMS = (
    Platform(
        "AKS (Admissions Enforcer)",
        "admissionsenforcer",
        (
            {"key": "control-plane", "operator": "DoesNotExist"},
            {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
            {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
        ),
        (
            "https://github.com/Azure/AKS/issues/1771",
            "https://github.com/Azure/AKS/issues/4002",
            "https://github.com/aws-observability/helm-charts/pull/350",
        ),
    ),
)
MANAGERS = tuple(platform.manager for platform in PLATFORMS)
_TERMS = [dict(term) for platform in PLATFORMS for term in platform.terms]


def without_terms(live: Manifest, applied: Manifest) -> Manifest:
    """A copy of a webhook configuration without the terms that platforms have added to what is `applied`."""
    if live["kind"] not in WEBHOOKS:
        return live
    wanted = {webhook["name"]: _expressions(webhook) for webhook in entries(applied.get("webhooks"))}
    webhooks = [_cleaned(webhook, wanted.get(webhook["name"], [])) for webhook in entries(live.get("webhooks"))]
    return {**live, "webhooks": webhooks}


def _cleaned(webhook: Mapping[str, Any], wanted: list[Any]) -> Mapping[str, Any]:
    selector = dict(mapping(webhook.get("namespaceSelector")))
    left = [term for term in _expressions(webhook) if term in wanted or term not in _TERMS]
    if left == _expressions(webhook):
        return webhook
    selector.pop("matchExpressions")
    return {**webhook, "namespaceSelector": {**selector, **({"matchExpressions": left} if left else {})}}


def _expressions(webhook: Mapping[str, Any]) -> list[Any]:
    return entries(mapping(webhook.get("namespaceSelector")).get("matchExpressions"))
