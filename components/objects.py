"""From a plain manifest to the Pulumi resource of its kind, and the few changes the program makes to manifests."""

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from .assets import AssetError, Manifest
from .names import INJECTION_LABEL, REVISION_ANNOTATION

_KINDS: Mapping[tuple[str, str], Callable[..., pulumi.CustomResource]] = MappingProxyType(
    {
        ("v1", "ConfigMap"): k8s.core.v1.ConfigMap,
        ("v1", "Service"): k8s.core.v1.Service,
        ("v1", "ServiceAccount"): k8s.core.v1.ServiceAccount,
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"): (
            k8s.admissionregistration.v1.MutatingWebhookConfiguration
        ),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"): (
            k8s.admissionregistration.v1.ValidatingWebhookConfiguration
        ),
        ("apps/v1", "Deployment"): k8s.apps.v1.Deployment,
        ("monitoring.coreos.com/v1", "PodMonitor"): k8s.apiextensions.CustomResource,
        ("monitoring.coreos.com/v1", "PrometheusRule"): k8s.apiextensions.CustomResource,
        ("monitoring.coreos.com/v1", "ServiceMonitor"): k8s.apiextensions.CustomResource,
        ("networking.k8s.io/v1", "NetworkPolicy"): k8s.networking.v1.NetworkPolicy,
    }
)
_FIELDS = MappingProxyType({"automountServiceAccountToken": "automount_service_account_token"})


def create(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Register the object of `manifest` under the logical name `name`.

    Raises AssetError for a kind that this table does not list, so that a new kind is a decision.
    """
    key = (str(manifest["apiVersion"]), str(manifest["kind"]))
    if key not in _KINDS:
        raise AssetError(f"{name}: expected a kind listed in components/objects.py, got {' '.join(key)}")
    constructor = _KINDS[key]
    fields: dict[str, Any] = {_FIELDS.get(field, field): value for field, value in manifest.items()}
    api_version, kind = fields.pop("apiVersion"), fields.pop("kind")
    if constructor is k8s.apiextensions.CustomResource:
        fields |= {"api_version": api_version, "kind": kind}
    return constructor(name, opts=opts, **fields)


def logical_name(component: str, manifest: Manifest) -> str:
    """`<component>-<object>-<kind>`: several objects of a component share a name and differ by kind."""
    return f"{component}-{manifest['metadata']['name']}-{str(manifest['kind']).lower()}"


def in_namespace(manifest: Manifest, namespace: str) -> Manifest:
    """A copy of `manifest` that lives in `namespace`."""
    changed = copy.deepcopy(manifest)
    changed["metadata"]["namespace"] = namespace
    return changed


def rolled_by_revision(deployment: Manifest, revision: str | None) -> Manifest:
    """A copy of `deployment` whose pods roll when `revision` changes.

    Without a revision they want no sidecar: what leaves the mesh rolls while its namespace still has the label, which
    goes after all updates.
    """
    changed = copy.deepcopy(deployment)
    metadata: dict[str, Any] = changed["spec"]["template"].setdefault("metadata", {})
    key, name, value = (
        ("labels", INJECTION_LABEL, "false") if revision is None else ("annotations", REVISION_ANNOTATION, revision)
    )
    metadata.setdefault(key, {})[name] = value
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


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on top, mapping by mapping, as helm merges values: anything else is replaced."""
    result: dict[str, Any] = copy.deepcopy(dict(base))
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value  # type: ignore[reportUnknownArgumentType]
    return result
