"""The helm releases among a program's recorded resources."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from base.errors import MeshlabError
from settings.charts import Chart

from .recorder import SECRET, UNKNOWN, Recorded

RELEASE = "kubernetes:helm.sh/v3:Release"


class ReleaseError(MeshlabError):
    """A release cannot be rendered; the message is one line that names it."""


@dataclass(frozen=True)
class Release:
    """What one Release of the program installs."""

    component: str
    resource: str
    """Logical name of the Pulumi resource."""
    name: str
    namespace: str
    chart: str
    """Name of the chart."""
    version: str
    reference: str
    """The chart as the program refers to it: its name in `repository`, or an address or path of its own."""
    repository: str
    """Address of the chart repository; empty where `reference` says it all."""
    values: Mapping[str, Any]
    skip_crds: bool
    former: tuple[str, ...] = ()
    """Logical names that its resource had before, by aliases."""

    @property
    def package(self) -> Chart:
        """The chart and its version."""
        return Chart(self.chart, self.version)


def releases_of(resources: Iterable[Recorded]) -> list[Release]:
    """The releases among recorded resources, in their order. Raises ReleaseError."""
    listed = list(resources)
    by_urn = {resource.urn: resource for resource in listed}
    return [_release(resource, by_urn) for resource in listed if resource.type == RELEASE]


def component_of(resource: Recorded, by_urn: Mapping[str, Recorded]) -> str:
    """Logical name of the outermost component that a resource belongs to; `stack` for one that belongs to none."""
    above = by_urn.get(resource.parent)
    if above is None:
        return "stack" if resource.custom else resource.name
    return component_of(above, by_urn)


def former_names(resource: Recorded, by_urn: Mapping[str, Recorded]) -> tuple[str, ...]:
    """Logical names that a resource has had, sorted: by aliases of its own, and of the components above it.

    The engine takes the alias of a component for its children too, whose names begin with the component's.
    """
    names = {resource.name, *_alias_names(resource)}
    above = by_urn.get(resource.parent)
    while above is not None:
        for old in _alias_names(above):
            names |= {f"{old}{name.removeprefix(above.name)}" for name in names if name.startswith(f"{above.name}-")}
        above = by_urn.get(above.parent)
    return tuple(sorted(names - {resource.name}))


def _alias_names(resource: Recorded) -> list[str]:
    aliases = cast(list[Mapping[str, Any]], resource.options.get("aliases") or [])
    names = (alias["urn"].rpartition("::")[2] if "urn" in alias else alias["spec"].get("name") for alias in aliases)
    return [str(name) for name in names if name]


def _release(resource: Recorded, by_urn: Mapping[str, Recorded]) -> Release:
    inputs = resource.inputs
    for field in ("name", "namespace", "chart", "version", "values"):
        if inputs.get(field) in (SECRET, UNKNOWN) or (field != "values" and not inputs.get(field)):
            raise ReleaseError(
                f"{resource.name}: expected `{field}` of a release to be set and known before `up`, "
                f"got {inputs.get(field) or 'nothing'}"
            )
    reference, version = str(inputs["chart"]), str(inputs["version"])
    repository = cast(Mapping[str, str], inputs.get("repositoryOpts") or {})
    return Release(
        component=component_of(resource, by_urn),
        resource=resource.name,
        name=str(inputs["name"]),
        namespace=str(inputs["namespace"]),
        chart=Chart.of_reference(reference, version).name,
        version=version,
        reference=reference,
        repository=repository.get("repo", ""),
        values=cast(Mapping[str, Any], inputs.get("values") or {}),
        skip_crds=bool(inputs.get("skipCrds")),
        former=former_names(resource, by_urn),
    )
