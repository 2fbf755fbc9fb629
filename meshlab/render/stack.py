"""Every Kubernetes object that a stack stands for, without a cluster and without an engine.

The program's own objects come from the recorder; each release is rendered by helm with its own values and version.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from embedded.tools import pins, toolchain

from ..charts.choice import ChartFiles, Charts
from ..recording.manifests import manifest_of
from ..recording.recorder import Recorded
from ..recording.releases import Release, component_of, former_names, releases_of
from .helm import HelmRenderer, RenderTarget, asks_api_versions
from .masking import masked
from .objects import KubernetesObject, api_versions, files_of, with_namespaces
from .others import Other, is_object, others_of

ROUNDS = 3
"""How often a chart that asks for API versions may be rendered anew because charts like it brought more of them."""

Show = Callable[[Mapping[str, Any]], tuple[dict[str, Any], bytes]]
"""A manifest as it may be seen, and a mark that tells what was hidden from something else; as `masked` does it."""


@dataclass(frozen=True)
class RenderedStack:
    """What a stack stands for, and what it was rendered for and with."""

    stack: str
    target: RenderTarget
    charts: ChartFiles
    releases: tuple[Release, ...]
    objects: tuple[KubernetesObject, ...]
    others: tuple[Other, ...] = ()

    @property
    def files(self) -> dict[str, KubernetesObject]:
        """Objects by their file's path, sorted."""
        return files_of(self.objects)

    def index(self) -> dict[str, Any]:
        """What stands in the folder's index file. Nothing in it hangs on this machine."""
        return {
            "stack": self.stack,
            "kubernetes": self.target.kubernetes,
            "apiVersions": list(self.target.api_versions),
            "charts": self.charts.origin,
            "releases": self.release_list(),
            "objects": [_entry(file, one) for file, one in self.files.items()],
        }

    def release_list(self) -> list[dict[str, Any]]:
        """Each helm release: its component, name, namespace, chart and version."""
        entries = [
            {
                "component": release.component,
                "resource": release.resource,
                "name": release.name,
                "namespace": release.namespace,
                "chart": release.chart,
                "version": release.version,
            }
            for release in self.releases
        ]
        return sorted(entries, key=lambda entry: (entry["component"], entry["resource"]))


class Renderer:
    """Renders stacks, of one tree or of several, with the same helm and charts from the same place."""

    def __init__(self, charts: Charts, helm: HelmRenderer | None = None, show: Show = masked) -> None:
        """Without `helm`, it is found or built at the first rendering. `show` hides what must not be seen."""
        self.charts, self._helm, self._show = charts, helm, show

    @cached_property
    def once(self) -> "Renderer":
        """The same, for a caller who only asks which objects there are: each chart is rendered only once."""
        return Renderer(self.charts, self._ready.once(), self._show)

    @property
    def in_clear(self) -> "Renderer":
        """The same, with nothing hidden."""
        return Renderer(self.charts, self._helm, _in_clear)

    @cached_property
    def _ready(self) -> HelmRenderer:
        return self._helm or HelmRenderer.of_process(toolchain.ensure(["helm"], self.charts.say)["helm"])

    def recorded(
        self, stack: str, resources: Sequence[Recorded], source: str | None, target: RenderTarget
    ) -> RenderedStack:
        """The objects of recorded resources, where the stack wants charts from `source`.

        `target` is the cluster without what the stack's own CRDs add to it. Raises ReleaseError, MeshlabError, and
        what packing stand-ins or finding helm raises.
        """
        releases = releases_of(resources)
        files = self.charts.of(releases, stack, source)
        by_urn = {resource.urn: resource for resource in resources}
        own = [_own(resource, by_urn, self._show) for resource in resources if is_object(resource)]
        asking = [release for release in releases if asks_api_versions(release, files.files[release.resource])]
        plain = [release for release in releases if release not in asking]
        certain = [*own, *self._rendered(plain, files, target)]
        # A chart may ask which kinds the cluster has: Kubernetes' own, and those that this very stack brings.
        found = certain
        given, target = target, _with_versions(target, found)
        for _ in range(ROUNDS if asking else 0):
            found = [*certain, *self._rendered(asking, files, target)]
            wider = _with_versions(given, found)
            if wider == target:
                break
            target = wider
        namespaces = {release.resource: release.namespace for release in releases}
        objects = tuple(with_namespaces(found, namespaces))
        return RenderedStack(stack, target, files, tuple(releases), objects, others_of(resources))

    def _rendered(self, releases: Sequence[Release], files: ChartFiles, target: RenderTarget) -> list[KubernetesObject]:
        manifests = self._ready.render(releases, files.files, target)
        return [
            KubernetesObject(release.component, release.resource, release.name, shown, secret=mark)
            for release in releases
            for shown, mark in map(self._show, manifests[release.resource])
        ]


def _with_versions(target: RenderTarget, objects: Iterable[KubernetesObject]) -> RenderTarget:
    return RenderTarget(target.kubernetes, tuple(sorted({*target.api_versions, *api_versions(objects)})))


def default_kubernetes() -> str:
    """The version of the embedded cluster, as `1.34.4`: what a stack is rendered for unless somebody says otherwise."""
    return pins.table()["kube-apiserver"].release.removeprefix("v")


def _in_clear(manifest: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    return dict(manifest), b""


def _own(resource: Recorded, by_urn: Mapping[str, Recorded], show: Show) -> KubernetesObject:
    shown, mark = show(manifest_of(resource))
    patch = resource.type.endswith("Patch")
    component, former = component_of(resource, by_urn), former_names(resource, by_urn)
    return KubernetesObject(component, resource.name, "", shown, patch, former, mark)


def _entry(file: str, one: KubernetesObject) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "file": file,
        "component": one.component,
        "release": one.release,
        "resource": one.resource,
        "apiVersion": one.manifest["apiVersion"],
        "kind": one.kind,
        "namespace": one.namespace,
        "name": one.name,
        "hook": ", ".join(one.hooks),
        "patch": one.patch,
    }
    return {key: value for key, value in entry.items() if value not in ("", False)}
