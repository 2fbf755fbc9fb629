"""The program's namespaces: each with the strictest Pod Security level that its workloads allow, closed by default."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pulumi

from .assets import load_manifests
from .names import OWNER_ANNOTATION
from .objects import create, in_namespace, logical_name

PodSecurity = Literal["restricted", "baseline", "privileged"]
"""Kubernetes' Pod Security Standards, the strictest first."""


def namespace(
    name: str,
    namespace_name: str,
    *,
    pod_security: PodSecurity,
    protect: bool,
    opts: pulumi.ResourceOptions,
    labels: Mapping[str, str] | None = None,
) -> pulumi.CustomResource:
    """Register a namespace of ours under the logical name `name`.

    Pods over the level `pod_security` are refused; who calls says why no stricter one will do. `protect` makes destroy
    refuse it.
    """
    opts.protect = protect or None
    metadata = {
        "name": namespace_name,
        "labels": {"pod-security.kubernetes.io/enforce": pod_security, **(labels or {})},
        "annotations": {OWNER_ANNOTATION: f"{pulumi.get_project()}/{pulumi.get_stack()}"},
    }
    return create(name, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, opts)


def inside(
    component: pulumi.Resource, namespace: pulumi.Resource, after: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """The options of an object in one of our namespaces: a child of `component`, created after the namespace.

    It is also created after `after`. Where the namespace is deleted, the API server deletes the object with it, and the
    engine does not delete it first. Not for what runs pods or what a controller has to clean up after: the engine has
    to wait for those.
    """
    return pulumi.ResourceOptions(parent=component, depends_on=[*after] or [namespace], deleted_with=namespace)


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
