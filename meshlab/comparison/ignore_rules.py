"""What differs on every healthy cluster, because something other than the stack decides it."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kube.api_objects import Manifest, mapping
from kube.fields import Manager
from settings.names import ROLLED_ANNOTATION

from .platforms import MANAGERS, WEBHOOKS

Scaled = tuple[str, str, str]
"""Kind, namespace and name of an object whose replicas an autoscaler sets."""


@dataclass(frozen=True)
class Rule:
    """Fields that are no drift."""

    kinds: tuple[str, ...]
    """Kinds that it is about; `*` for all."""
    fields: str
    """Regular expression of the fields' paths, below which all belongs to it."""
    why: str
    when: Callable[[Manifest, Collection[Scaled]], bool] = lambda live, scaled: True
    """Which objects of those kinds, by the object as it is and by what autoscalers scale."""


RULES = (
    Rule(("*",), r"status", "controllers report there"),
    Rule(
        ("*",),
        r"metadata\.(managedFields|resourceVersion|generation|uid|creationTimestamp|selfLink|deletion\w+)",
        "the API server keeps these itself",
    ),
    Rule(("*",), r"metadata\.annotations\.pulumi\.com/.*", "tells the engine how to apply an object, and no more"),
    Rule(
        ("*",),
        r"metadata\.annotations\.kubectl\.kubernetes\.io/last-applied-configuration",
        "kubectl's own note of what it applied; what it applied is compared",
    ),
    Rule(
        ("Deployment", "StatefulSet", "DaemonSet"),
        r"metadata\.annotations\.deployment\.kubernetes\.io/revision",
        "counts rollouts",
    ),
    Rule(
        ("Deployment", "StatefulSet", "DaemonSet"),
        r"spec\.template\.metadata\.annotations\.kubectl\.kubernetes\.io/restartedAt",
        "a restart by `kubectl rollout restart` changes nothing that the stack says",
    ),
    Rule(
        ("Deployment", "StatefulSet", "DaemonSet"),
        rf"metadata\.annotations\.{re.escape(ROLLED_ANNOTATION)}",
        "the program notes there what a restart was for",
    ),
    Rule(WEBHOOKS, r"webhooks\[[^]]*\]\.clientConfig\.caBundle", "istiod and certificate jobs write their certificate"),
    Rule(WEBHOOKS, r"webhooks\[[^]]*\]\.failurePolicy", "istiod and certificate jobs close a webhook once it answers"),
    Rule(
        ("PrometheusRule",),
        r"metadata\.annotations\.prometheus-operator-validated",
        "the operator's webhook notes there that it has looked",
    ),
    Rule(
        ("CustomResourceDefinition",),
        r"spec\.conversion\.webhook\.clientConfig\.caBundle",
        "the server of the conversion webhook writes its certificate",
    ),
    Rule(
        ("ClusterRole",),
        r"rules",
        "an aggregating role gets its rules from other roles",
        lambda live, scaled: bool(live.get("aggregationRule")),
    ),
    Rule(
        ("Secret",),
        r"data",
        "the token of a ServiceAccount is the cluster's",
        lambda live, scaled: live.get("type") == "kubernetes.io/service-account-token",
    ),
    Rule(
        ("Deployment", "StatefulSet"),
        r"spec\.replicas",
        "an autoscaler decides",
        lambda live, scaled: identity(live) in scaled,
    ),
    Rule(("Kiali",), r"metadata\.finalizers", "the operator's: it takes Kiali away before the object goes"),
    Rule(("Namespace",), r"metadata\.annotations\.(?!meshlab\.io/).*", "platforms note things on namespaces"),
    Rule(("Namespace",), r"spec\.finalizers", "the API server's"),
    Rule(("ServiceAccount",), r"(secrets|imagePullSecrets)", "older clusters and platforms add a token's Secret"),
    Rule(("Service",), r"spec\.(clusterIPs?|ports\[[^]]*\]\.nodePort|healthCheckNodePort)", "the API server chooses"),
)

CONTROLLERS = (
    *("kube-*", "kubelet", "cloud-*", "*-controller", "*-controller-manager", "k3s", "kwok", "kwok-controller"),
    *("pilot-discovery", "kube-webhook-certgen", "operator", "PrometheusOperator", "prometheus-operator"),
    *MANAGERS,
)
"""Managers that write fields because that is their task."""
OWNERS = ("helm", "pulumi-kubernetes*", "pulumi-resource-kubernetes")
"""Managers by which a stack's own tools write: helm and the engine's provider."""


def is_ignored(live: Manifest, path: str, scaled: Collection[Scaled]) -> bool:
    """Whether a field of an object may differ."""
    kind = str(live["kind"])
    return any(
        (kind in rule.kinds or "*" in rule.kinds)
        and re.match(rf"{rule.fields}($|[.\[])", path)
        and rule.when(live, scaled)
        for rule in RULES
    )


def identity(live: Manifest) -> Scaled:
    """Kind, namespace and name of an object."""
    metadata = live["metadata"]
    return str(live["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"])


def autoscaled(autoscalers: Collection[Manifest]) -> set[Scaled]:
    """Kind, namespace and name of what the given HorizontalPodAutoscalers scale."""
    targets = (
        (mapping(mapping(autoscaler.get("spec")).get("scaleTargetRef")), autoscaler["metadata"])
        for autoscaler in autoscalers
    )
    return {(str(target["kind"]), str(where["namespace"]), str(target["name"])) for target, where in targets if target}


def is_foreign(manager: Manager) -> bool:
    """Whether a manager is neither a tool of the stack nor a controller."""
    return manager.subresource != "status" and not any(
        fnmatchcase(manager.name, pattern) for pattern in (*OWNERS, *CONTROLLERS)
    )
