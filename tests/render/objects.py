"""Small renderings to compare: an object says what it is, everything else is the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshlab.charts.choice import ChartFiles
from meshlab.comparison.stacks import Comparison
from meshlab.recording.releases import Release
from meshlab.render.helm import RenderTarget
from meshlab.render.masking import masked
from meshlab.render.objects import KubernetesObject
from meshlab.render.others import Other
from meshlab.render.stack import RenderedStack

CLUSTER = Other("cluster", "pulumi:providers:kubernetes", {"enableConfigMapMutable": "true"})
"""The provider as the program has it, as far as it decides over what is rendered."""


def obj(
    kind: str,
    name: str,
    content: Mapping[str, Any] | None = None,
    *,
    api: str = "v1",
    namespace: str = "default",
    release: str = "",
    component: str = "part",
    **more: Any,
) -> KubernetesObject:
    """An object with `content` beside its identity; of `release`, or of the program where that is empty."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    content = dict(content or {})
    metadata |= content.pop("metadata", {})
    shown, mark = masked({"apiVersion": api, "kind": kind, "metadata": metadata, **content})
    resource = more.pop("resource", f"{component}-{release or f'{name}-{kind.lower()}'}")
    return KubernetesObject(component, resource, release, shown, secret=mark, **more)


def chart(name: str, version: str, **more: Any) -> Release:
    """A release of a chart of the same name."""
    known: dict[str, Any] = {
        "component": "part",
        "resource": f"part-{name}",
        "name": name,
        "namespace": "default",
        "chart": name,
        "version": version,
        "reference": name,
        "repository": "",
        "values": {},
        "skip_crds": True,
    }
    return Release(**(known | more))


def rendered(
    objects: Sequence[KubernetesObject] = (),
    releases: Sequence[Release] = (),
    others: Sequence[Other] = (CLUSTER,),
    *,
    stack: str = "dev",
    charts: ChartFiles | None = None,
) -> RenderedStack:
    files = charts or ChartFiles("folder", {release.resource: Path(release.chart) for release in releases})
    return RenderedStack(stack, RenderTarget("1.34.4"), files, tuple(releases), tuple(objects), tuple(others))


def compared(before: RenderedStack | None, after: RenderedStack | None, stack: str = "dev") -> Comparison:
    return Comparison(stack, "0123abc", before, after)


def changed(before: Sequence[KubernetesObject], after: Sequence[KubernetesObject]) -> Comparison:
    """The comparison of two lists of objects and nothing else."""
    return compared(rendered(before), rendered(after))
