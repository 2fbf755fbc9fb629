"""The objects that the cluster should have: the stack as rendered, in the form in which its tools have applied it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kube.api_objects import mapping
from kube.helm_marks import HELM_NAME, HELM_NAMESPACE
from settings.object_rules import DriftRule

from ..comparison.live import comparable
from ..recording.recorder import Generated, Recorded
from ..recording.releases import Release
from ..render.helm import RenderTarget
from ..render.masking import GENERATED
from ..render.objects import KubernetesObject
from ..render.stack import RenderedStack
from ..stack import Stack

MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True)
class Expected:
    """What the stack stands for."""

    objects: tuple[KubernetesObject, ...]
    """Without helm's hooks, which come and go; secrets in clear."""
    releases: tuple[Release, ...]
    hooks: tuple[KubernetesObject, ...]
    """Helm's hooks, which are not compared."""
    notes: tuple[str, ...]
    """What has to be said of the charts."""
    resources: Mapping[str, Recorded]
    """What the program registers, by logical name."""
    ignore: tuple[DriftRule, ...] = ()
    """The stack's own rules of what is no drift."""


def expected(stack: Stack, target: RenderTarget, generated: Generated) -> Expected:
    """Record and render the stack for the cluster that `target` describes.

    `generated` are the passwords that the stack generated, None where they are not known: then what hangs on them is
    not compared. Raises what recording and rendering raise.
    """
    recording = stack.recorded(generated or GENERATED)
    rendered = stack.renderer.in_clear.recorded(stack.name, recording.resources, stack.source, target)
    standing = [object_ for object_ in rendered.objects if not object_.hooks]
    resources = {resource.name: resource for resource in recording.resources}
    return Expected(
        tuple(_as_applied(object_, rendered, generated) for object_ in standing),
        rendered.releases,
        tuple(object_ for object_ in rendered.objects if object_.hooks),
        rendered.charts.notes,
        resources,
        tuple(stack.settings.drift.ignore),
    )


def _as_applied(one: KubernetesObject, rendered: RenderedStack, generated: Generated) -> KubernetesObject:
    manifest = comparable(one.manifest)
    if one.release:
        manifest = _with_helms_marks(manifest, _release(rendered.releases, one))
    elif generated is None and manifest["kind"] == "Secret":
        manifest.pop("data", None)
    return replace(one, manifest=manifest)


def _release(releases: Sequence[Release], one: KubernetesObject) -> Release:
    return next(release for release in releases if release.resource == one.resource)


def _with_helms_marks(manifest: dict[str, Any], release: Release) -> dict[str, Any]:
    """A manifest with what helm adds to all that it installs, and takes for nobody's where it is missing."""
    metadata = dict(manifest["metadata"])
    metadata["labels"] = {**mapping(metadata.get("labels")), MANAGED_BY: "Helm"}
    marks = {HELM_NAME: release.name, HELM_NAMESPACE: release.namespace}
    metadata["annotations"] = {**mapping(metadata.get("annotations")), **marks}
    return {**manifest, "metadata": metadata}
