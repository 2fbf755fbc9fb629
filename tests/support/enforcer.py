"""AKS' Admissions Enforcer, played: it adds terms to the namespaceSelector of every webhook that does not opt out."""

import json
from typing import Any

from embedded.cluster import EmbeddedCluster

from .inventory import objects

MANAGER = "admissionsenforcer"
OPT_OUT = {"admissions.enforcer/disabled": "true"}
TERMS: list[dict[str, Any]] = [
    {"key": "control-plane", "operator": "DoesNotExist"},
    {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
    {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
]
KINDS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


def enforce(cluster: EmbeddedCluster) -> list[str]:
    """Add what is missing, under the enforcer's own name; the configurations that it has changed."""
    changed: list[str] = []
    for kind in KINDS:
        for object_ in objects(cluster, kind):
            metadata = object_["metadata"]
            if OPT_OUT.items() <= {**metadata.get("labels", {}), **metadata.get("annotations", {})}.items():
                continue
            patch = [
                {"op": "replace", "path": f"/webhooks/{index}/namespaceSelector", "value": enforced(webhook)}
                for index, webhook in enumerate(object_["webhooks"])
                if enforced(webhook) != webhook["namespaceSelector"]
            ]
            if patch:
                args = (kind, metadata["name"], "--type=json", f"--field-manager={MANAGER}", "-p", json.dumps(patch))
                cluster.kubectl("patch", *args)
                changed.append(metadata["name"])
    return changed


def enforced(webhook: dict[str, Any]) -> dict[str, Any]:
    """The namespaceSelector of a webhook with the terms."""
    selector: dict[str, Any] = webhook["namespaceSelector"]
    terms = selector.get("matchExpressions", [])
    return {**selector, "matchExpressions": [*terms, *(term for term in TERMS if term not in terms)]}
