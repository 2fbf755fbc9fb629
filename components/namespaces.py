"""The program's namespaces: each with the strictest Pod Security level that its workloads allow, closed by default.

A namespace that was there before is adopted: it keeps its owner, and the program only leaves its mark on it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pulumi

from base.assets import load_manifests
from settings.models import ClusterSettings
from settings.names import OWNER_ANNOTATION

from .objects import create, in_namespace, logical_name

PodSecurity = Literal["restricted", "baseline", "privileged"]
"""Kubernetes' Pod Security Standards, the strictest first."""
ADOPTED = "kubernetes:core/v1:NamespacePatch"
"""Type of the resource of an adopted namespace."""


def namespace(
    name: str,
    namespace_name: str,
    *,
    pod_security: PodSecurity,
    cluster: ClusterSettings,
    opts: pulumi.ResourceOptions,
    labels: Mapping[str, str] | None = None,
) -> pulumi.CustomResource:
    """Register a namespace of ours under the logical name `name`.

    Pods over the level `pod_security` are refused; who calls says why no stricter one will do. `cluster` says what else
    each namespace carries, whether destroy refuses it, and whether this one is adopted. Of an adopted one only `labels`
    and the stack's annotation are ours: its Pod Security level is its owner's, and destroy takes back no more than
    those two.
    """
    mark = {OWNER_ANNOTATION: f"{pulumi.get_project()}/{pulumi.get_stack()}"}
    if namespace_name in cluster.adopt_namespaces:
        patch: dict[str, Any] = {"name": namespace_name, "annotations": mark, **({"labels": labels} if labels else {})}
        return create(name, {"apiVersion": "v1", "kind": "Namespace", "metadata": patch}, opts, patch=True)
    opts.protect = cluster.protect_namespaces or None
    enforced = {"pod-security.kubernetes.io/enforce": pod_security}
    metadata = {
        "name": namespace_name,
        "labels": {**cluster.namespace_labels, **enforced, **(labels or {})},
        "annotations": {**cluster.namespace_annotations, **mark},
    }
    return create(name, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, opts)


def is_adopted(namespace: pulumi.Resource) -> bool:
    """Whether a namespace that `namespace()` has registered was there before, and outlives the stack."""
    return namespace.pulumi_resource_type == ADOPTED


def inside(
    component: pulumi.Resource, namespace: pulumi.Resource, after: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """The options of an object in one of our namespaces: a child of `component`, created after the namespace.

    With `after`, it is created after these, each of which has to come after the namespace itself. Where the namespace
    is deleted, the API server deletes the object with it, and the engine does not delete it first. Not for what runs
    pods or what a controller has to clean up after: the engine has to wait for those. In an adopted namespace it is
    deleted by itself.
    """
    return pulumi.ResourceOptions(
        parent=component,
        depends_on=[*after] or [namespace],
        deleted_with=None if is_adopted(namespace) else namespace,
    )


def network_policies(
    component: pulumi.Resource, name: str, folder: str, namespace_name: str, namespace: pulumi.Resource
) -> None:
    """Register the policies of `manifests/<folder>/network-policies.yaml` in a namespace of ours."""
    for manifest in load_manifests(folder, "network-policies.yaml"):
        create(
            logical_name(name, manifest),
            in_namespace(manifest, namespace_name),
            inside(component, namespace),
        )
