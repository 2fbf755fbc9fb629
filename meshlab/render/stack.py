"""Every Kubernetes object that a stack stands for, without a cluster and without an engine.

The program's own objects come from the recorder; each release is rendered by helm with its own values and version.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.tools import toolchain

from ..charts.pulled import ChartFiles, Charts
from ..recording.chartless import chartless
from ..recording.manifests import manifest_of
from ..recording.recorder import ROOT, Recorded, record, stack_config
from ..recording.releases import Release, component_of, former_names, releases_of
from .helm import HelmRenderer, RenderTarget, asks_api_versions
from .masking import GENERATED, masked
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
                "component": one.component,
                "resource": one.resource,
                "name": one.name,
                "namespace": one.namespace,
                "chart": one.chart,
                "version": one.version,
            }
            for one in self.releases
        ]
        return sorted(entries, key=lambda entry: (entry["component"], entry["resource"]))


class Renderer:
    """Renders stacks, of one tree or of several, with the same helm and charts from the same place."""

    def __init__(self, charts: Charts, helm: HelmRenderer, target: RenderTarget, show: Show = masked) -> None:
        """`target` is the cluster without what the stacks' own CRDs add to it; `show` hides what is not to be seen."""
        self._charts, self._helm, self._target, self._show = charts, helm, target, show

    def once(self) -> "Renderer":
        """The same, but for who only asks what objects there are: what varies is not told from the rest."""
        return Renderer(self._charts, self._helm.once(), self._target, self._show)

    @property
    def asked(self) -> str | None:
        """The folder of charts that the user named, if any: it goes before what a stack says."""
        return self._charts.asked

    def recorded(self, stack: str, resources: Sequence[Recorded], source: str | None) -> RenderedStack:
        """The objects of recorded resources, where the stack wants charts from `source`.

        Raises ReleaseError, MeshlabError, and what packing stand-ins or finding helm raises.
        """
        releases = releases_of(resources)
        files = self._charts.of(releases, stack, source)
        by_urn = {resource.urn: resource for resource in resources}
        own = [_own(resource, by_urn, self._show) for resource in resources if is_object(resource)]
        asking = [release for release in releases if asks_api_versions(release, files.files[release.resource])]
        plain = [release for release in releases if release not in asking]
        certain = [*own, *self._rendered(plain, files, self._target)]
        # A chart may ask which kinds the cluster has: Kubernetes' own, and those that this very stack brings.
        found = certain
        target = self._with_versions(found)
        for _ in range(ROUNDS if asking else 0):
            found = [*certain, *self._rendered(asking, files, target)]
            wider = self._with_versions(found)
            if wider == target:
                break
            target = wider
        namespaces = {release.resource: release.namespace for release in releases}
        objects = tuple(with_namespaces(found, namespaces))
        return RenderedStack(stack, target, files, tuple(releases), objects, others_of(resources))

    def _rendered(self, releases: Sequence[Release], files: ChartFiles, target: RenderTarget) -> list[KubernetesObject]:
        manifests = self._helm.render(releases, files.files, target)
        return [
            KubernetesObject(release.component, release.resource, release.name, shown, secret=mark)
            for release in releases
            for shown, mark in map(self._show, manifests[release.resource])
        ]

    def _with_versions(self, objects: Iterable[KubernetesObject]) -> RenderTarget:
        versions = {*self._target.api_versions, *api_versions(objects)}
        return RenderTarget(self._target.kubernetes, tuple(sorted(versions)))


def render(stack: str, renderer: Renderer, project_dir: Path = ROOT) -> RenderedStack:
    """Record the program of `project_dir` in this process, and render what it registers. Also raises ProgramError."""
    over, source = chartless(stack_config(stack, project_dir), renderer.asked)
    recording = record(stack, project_dir=project_dir, config=over, generated=GENERATED, masked=True)
    return renderer.recorded(stack, recording.resources, source)


def default_kubernetes() -> str:
    """The version of the embedded cluster, as `1.34.4`: what a stack is rendered for unless somebody says otherwise."""
    return toolchain.table()["kube-apiserver"].release.removeprefix("v")


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
