"""From a plain manifest to the Pulumi resource of its kind, and the few changes the program makes to manifests.

Resources are registered by their type token and not by the SDK's class for each kind: to import those takes more than
half the time of the whole program, for classes that would only hand over what stands in a manifest already.
"""

import base64
import copy
from collections.abc import Mapping
from typing import Any

import pulumi

from base.assets import Manifest
from base.errors import MeshlabError
from settings.names import INJECTION_LABEL, REVISION_ANNOTATION

_KINDS = frozenset(
    {
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("apps/v1", "Deployment"),
        ("kiali.io/v1alpha1", "Kiali"),
        ("monitoring.coreos.com/v1", "PodMonitor"),
        ("monitoring.coreos.com/v1", "PrometheusRule"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("v1", "ConfigMap"),
        ("v1", "Namespace"),
        ("v1", "Secret"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
    }
)
_SECRET_FIELDS = ("data", "stringData")


def create(
    name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions, *, patch: bool = False
) -> pulumi.CustomResource:
    """Register the object of `manifest` under the logical name `name`.

    `patch`: the object is somebody else's, and only what the manifest has of it is ours. Raises MeshlabError for a kind
    that this file does not list, so that a new kind is a decision.
    """
    api_version, kind = str(manifest["apiVersion"]), str(manifest["kind"])
    if (api_version, kind) not in _KINDS:
        raise MeshlabError(f"{name}: expected a kind listed in components/objects.py, got {api_version} {kind}")
    fields = dict(manifest)
    if kind == "Secret":
        fields |= {field: pulumi.Output.secret(fields[field]) for field in _SECRET_FIELDS if field in fields}
        opts.additional_secret_outputs = list(_SECRET_FIELDS)
    group = "core/v1" if api_version == "v1" else api_version
    return pulumi.CustomResource(f"kubernetes:{group}:{kind}{'Patch' if patch else ''}", name, fields, opts)


def encoded(text: str) -> str:
    """A text as the `data` of a Secret has it."""
    return base64.b64encode(text.encode()).decode()


def logical_name(component: str, manifest: Manifest) -> str:
    """`<component>-<object>-<kind>`: several objects of a component share a name and differ by kind."""
    return f"{component}-{manifest['metadata']['name']}-{str(manifest['kind']).lower()}"


def in_namespace(manifest: Manifest, namespace: str) -> Manifest:
    """A copy of `manifest` that lives in `namespace`."""
    changed = copy.deepcopy(manifest)
    changed["metadata"]["namespace"] = namespace
    return changed


def rolled_by_revision(deployment: Manifest, revision: str) -> Manifest:
    """A copy of `deployment` whose pods roll when `revision` changes."""
    return _on_pods(deployment, "annotations", REVISION_ANNOTATION, revision)


def without_sidecar(deployment: Manifest) -> Manifest:
    """A copy of `deployment` whose pods want no sidecar.

    What leaves the mesh rolls while its namespace still has the label, which goes after all updates.
    """
    return _on_pods(deployment, "labels", INJECTION_LABEL, "false")


def _on_pods(deployment: Manifest, field: str, key: str, value: str) -> Manifest:
    changed = copy.deepcopy(deployment)
    metadata: dict[str, Any] = changed["spec"]["template"].setdefault("metadata", {})
    metadata.setdefault(field, {})[key] = value
    return changed


def not_awaited(service: Manifest) -> Manifest:
    """A copy of a Service that the provider does not wait for.

    It would hold it for ten seconds more once endpoints are there, and one of the few places for resources that are
    dealt with at a time as long. The Deployment behind it is awaited, which says the same.
    """
    changed = copy.deepcopy(service)
    changed["metadata"].setdefault("annotations", {})["pulumi.com/skipAwait"] = "true"
    return changed


def with_labels(manifest: Manifest, labels: Mapping[str, str]) -> Manifest:
    """A copy of `manifest` with `labels` set over its own."""
    changed = copy.deepcopy(manifest)
    changed["metadata"].setdefault("labels", {}).update(labels)
    return changed
