"""Rules between sections. Each takes the sections that are valid by themselves and reports where they do not fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from .charts import Chart, ChartSource
from .helm_values import mapping_at
from .injection import NEVER_MESHED
from .models import (
    ChartsSettings,
    ClusterSettings,
    IstioSettings,
    KialiSettings,
    MeshSettings,
    MonitoringSettings,
    SampleAppsSettings,
)
from .names import ISTIO_NAMESPACE, SAMPLE_NAMESPACE, STACK_CHART
from .operator_crds import CRDS_CHART, crds_of, misfit, released
from .problem import Problem, shown
from .section import Section
from .versions import ISTIO_KUBERNETES, istios_for, minor, parse_version, supports

AnySection = TypeVar("AnySection", bound=Section)
Sections = Sequence[Section]
"""Sections that are valid by themselves; one that is not is not there."""


def found(sections: Sections, kind: type[AnySection]) -> AnySection | None:
    """The section of a kind; None where it is not there."""
    return next((section for section in sections if isinstance(section, kind)), None)


def broken_rules(sections: Sections) -> Iterator[Problem]:
    """Every rule between settings that does not hold."""
    for rule in _RULES:
        yield from rule(sections)


def _meshed_namespaces_have_their_revision(sections: Sections) -> Iterator[Problem]:
    istio = found(sections, IstioSettings)
    mesh = found(sections, MeshSettings)
    if istio is None or mesh is None:
        return
    expected = f"one of the revisions {', '.join(sorted(istio.revisions))}"
    if istio.tags:
        expected += f" or of the tags {', '.join(sorted(istio.tags))}"
    for namespace, revision in mesh.namespaces.items():
        if revision not in istio.revisions and revision not in istio.tags:
            yield Problem(("mesh", "namespaces", namespace), expected, shown(revision))


def _namespaces_of_the_lab_stay_out_of_the_mesh(sections: Sections) -> Iterator[Problem]:
    mesh = found(sections, MeshSettings)
    monitoring = found(sections, MonitoringSettings)
    kiali = found(sections, KialiSettings)
    if mesh is None:
        return
    reasons = dict.fromkeys(NEVER_MESHED, "Istio never injects there") | {
        ISTIO_NAMESPACE: "the control plane runs there"
    }
    if monitoring is not None:
        reasons[monitoring.namespace] = "Prometheus scrapes from there without mutual TLS"
    if kiali is not None:
        reasons[kiali.namespace] = "the Kiali operator runs there"
    for namespace, revision in mesh.namespaces.items():
        if namespace in reasons:
            expected = f"no revision for namespace {namespace} ({reasons[namespace]})"
            yield Problem(("mesh", "namespaces", namespace), expected, shown(revision))


def _adopted_namespaces_are_the_programs(sections: Sections) -> Iterator[Problem]:
    cluster = found(sections, ClusterSettings)
    monitoring = found(sections, MonitoringSettings)
    kiali = found(sections, KialiSettings)
    apps = found(sections, SampleAppsSettings)
    if cluster is None or monitoring is None or kiali is None or apps is None:
        return
    used = [ISTIO_NAMESPACE, monitoring.namespace, kiali.namespace, *([SAMPLE_NAMESPACE] if apps.enabled else [])]
    for name in cluster.adopt_namespaces:
        if name not in used:
            expected = f"namespaces that the stack uses: {', '.join(used)}"
            yield Problem(("cluster", "adoptNamespaces"), expected, shown(name))


def _crds_are_known(sections: Sections) -> Iterator[Problem]:
    monitoring = found(sections, MonitoringSettings)
    if monitoring is None:
        return
    stack, crds, source = monitoring.version, monitoring.crds_version, _source(sections)
    path = ("monitoring", "crdsVersion")
    if crds is None and crds_of(stack, source) is None:
        known = released()
        how = (
            f"settings/operator_crds.yaml goes up to {known.until}: read on with meshlab charts pairs"
            if parse_version(stack) > parse_version(known.until)
            else f"the first that has one is {next(iter(known.stacks))}"
        )
        yield Problem(path, f"the version of {CRDS_CHART} that belongs to {STACK_CHART} {stack} ({how})", "nothing")
    elif crds is not None:
        expected = misfit(stack, crds, source)
        if expected is not None:
            yield Problem(path, f"{expected}, the {CRDS_CHART} of {STACK_CHART} {stack}", shown(crds))


def _istio_supports_the_clusters_kubernetes(sections: Sections) -> Iterator[Problem]:
    cluster = found(sections, ClusterSettings)
    istio = found(sections, IstioSettings)
    if cluster is None or cluster.kubernetes is None or istio is None:
        return
    fitting = istios_for(cluster.kubernetes)
    wanted = f"Istio {', '.join(fitting)}" if fitting else "an Istio that settings/versions.py does not know yet"
    for name, revision in istio.revisions.items():
        if not supports(revision.version, cluster.kubernetes):
            path = ("istio", "revisions", name, "version")
            supported = ISTIO_KUBERNETES.get(minor(revision.version))
            known = f"supports {supported[0]} to {supported[1]}" if supported else "is not in settings/versions.py"
            expected = f"{wanted} for Kubernetes {cluster.kubernetes} (Istio {minor(revision.version)} {known})"
            yield Problem(path, expected, shown(revision.version))


def _registries_are_not_overruled(sections: Sections) -> Iterator[Problem]:
    cluster = found(sections, ClusterSettings)
    monitoring = found(sections, MonitoringSettings)
    if cluster is None or cluster.image_registry is None or monitoring is None:
        return
    if cluster.image_registries:
        return  # The chart is told the registry of each image then, and the stack's values come last.
    values = monitoring.values
    if "imageRegistry" in mapping_at(values, "global"):
        return
    for path in _paths_to("registry", {key: value for key, value in values.items() if key != "global"}):
        yield Problem(
            ("monitoring", "values", *path),
            "none beside cluster.imageRegistry, which the chart lays over it",
            "one that does nothing",
        )


def _paths_to(key: str, values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where within nested values something stands under `key`."""
    for name, value in values.items():
        if name == key and value:
            yield *path, name
        else:
            yield from _paths_to(key, mapping_at(values, name), (*path, name))


def _chart_folder_is_complete(sections: Sections) -> Iterator[Problem]:
    folder = _source(sections).folder
    if folder is None:
        return
    missing = [name for name in sorted(_packages(sections)) if not (folder / name).is_file()]
    if missing:
        yield Problem(("charts", "source"), f"a folder with {', '.join(missing)}", shown(str(folder)))


def _source(sections: Sections) -> ChartSource:
    charts = found(sections, ChartsSettings)
    return ChartSource(charts.source if charts is not None else None)


def _packages(sections: Sections) -> Iterator[str]:
    for chart, version in needed_charts(sections):
        yield Chart(chart, version).file


def needed_charts(sections: Sections) -> set[tuple[str, str]]:
    """Chart names and versions that the valid sections ask for."""
    needed: set[tuple[str, str]] = set()
    istio = found(sections, IstioSettings)
    monitoring = found(sections, MonitoringSettings)
    kiali = found(sections, KialiSettings)
    if istio is not None:
        needed.add(("base", istio.base_version))
        needed |= {("istiod", revision.version) for revision in istio.revisions.values()}
    if monitoring is not None:
        needed.add((STACK_CHART, monitoring.version))
        crds = monitoring.crds_version or crds_of(monitoring.version, _source(sections))
        if crds is not None:
            needed.add((CRDS_CHART, crds))
    if kiali is not None:
        needed.add(("kiali-operator", kiali.version))
    return needed


_RULES: tuple[Callable[[Sections], Iterator[Problem]], ...] = (
    _meshed_namespaces_have_their_revision,
    _namespaces_of_the_lab_stay_out_of_the_mesh,
    _adopted_namespaces_are_the_programs,
    _crds_are_known,
    _istio_supports_the_clusters_kubernetes,
    _registries_are_not_overruled,
    _chart_folder_is_complete,
)
