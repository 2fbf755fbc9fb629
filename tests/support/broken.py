"""What breaks on other people's clusters: an API group without a server, a conversion webhook that nobody answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embedded.cluster import EmbeddedCluster

from .waiting import eventually

GROUP = "custom.metrics.k8s.io/v1beta1"
API_SERVICE = "v1beta1.custom.metrics.k8s.io"
WIDGETS = "widgets.example.com"


def announce_a_silent_group(cluster: EmbeddedCluster) -> None:
    """An APIService whose Service was uninstalled, as metrics adapters leave them behind."""
    spec = {
        "group": "custom.metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "gone", "namespace": "default"},
    }
    _create(
        cluster,
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": API_SERVICE},
            "spec": spec,
        },
    )

    def noticed() -> bool:
        path = "jsonpath={.status.conditions[?(@.type=='Available')].status}"
        return cluster.kubectl("get", "apiservice", API_SERVICE, "-o", path).stdout == "False"

    eventually(noticed, "the API server sees that the group has no server")


def lose_a_conversion(cluster: EmbeddedCluster, namespace: str) -> None:
    """An object in `namespace` that nobody can read: it is stored in a version that a webhook should convert, and the
    webhook's Service is gone."""
    _create(cluster, _crd(stored="v1"))
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{WIDGETS}", "--timeout=60s")
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one", "namespace": namespace}}
    _create(cluster, widget)
    service = {"name": "gone", "namespace": "default", "path": "/convert"}
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}}
    broken = _crd(stored="v2", conversion={"strategy": "Webhook", "webhook": webhook})
    cluster.kubectl("patch", "crd", WIDGETS, "--type=merge", "-p", json.dumps({"spec": broken["spec"]}))

    def unreadable() -> bool:
        return cluster.kubectl("get", WIDGETS, "-A", check=False).code != 0

    eventually(unreadable, "the API server asks the webhook")


def _crd(stored: str, conversion: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": name, "served": True, "storage": name == stored, "schema": schema} for name in ("v1", "v2")]
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": WIDGETS},
        "spec": {**spec, **({"conversion": conversion} if conversion else {})},
    }


def _create(cluster: EmbeddedCluster, manifest: dict[str, Any]) -> None:
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))


@contextmanager
def refused_update(cluster: EmbeddedCluster, crd: str) -> Iterator[None]:
    """Let the API server refuse every change of one CRD, as a platform's policy may."""
    name = {"metadata": {"name": "refused"}}
    policy = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["apiextensions.k8s.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["customresourcedefinitions"],
        "resourceNames": [crd],
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "refused for a test"}],
    }
    binding = {"policyName": "refused", "validationActions": ["Deny"]}
    _create(cluster, {"apiVersion": policy, "kind": "ValidatingAdmissionPolicy", **name, "spec": spec})
    _create(cluster, {"apiVersion": policy, "kind": "ValidatingAdmissionPolicyBinding", **name, "spec": binding})

    def refused() -> bool:
        tried = cluster.kubectl("label", "crd", crd, "tried=yes", "--dry-run=server", check=False)
        return "refused for a test" in tried.stderr

    try:
        eventually(refused, "the policy is in force")
        yield
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            cluster.kubectl("delete", kind, "refused")
        eventually(lambda: not refused(), "the policy is out of force")
