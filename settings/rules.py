"""Rules between settings. Each takes the sections that are valid by themselves and reports where they do not fit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from .charts import ChartSource, package_name
from .checks import amount
from .errors import DOES_NOTHING, Problem, shown
from .helm_values import lost_nulls
from .injection import DEFAULT, NEVER_MESHED
from .istiod_spelling import LEGACY, least_replicas, said, unread
from .models import (
    ChartsSettings,
    ClusterSettings,
    IstioSettings,
    KialiSettings,
    MeshSettings,
    MonitoringSettings,
    SampleAppsSettings,
)
from .names import ISTIO_NAMESPACE, NAMESPACE_INJECTION_LABEL, REVISION_LABEL, SAMPLE_NAMESPACE, STACK_CHART
from .operator_crds import CRDS_CHART, crds_of, misfit, released
from .section import Section
from .sizes import Resources
from .versions import ISTIO_KUBERNETES, KIALI_ADDRESSES, KIALI_RENAMED_IN, istios_for, minor, parse_version, supports

Sections = Mapping[str, Section]
"""Valid sections by their key in the stack file; one that is wrong by itself is not there."""


def broken_rules(sections: Sections) -> Iterator[Problem]:
    """Every rule between settings that does not hold."""
    for rule in _RULES:
        yield from rule(sections)


def _default_revision_is_installed(sections: Sections) -> Iterator[Problem]:
    istio = cast(IstioSettings | None, sections.get("istio"))
    if istio is None:
        return
    path = ("istio", "defaultRevision")
    installed = ", ".join(sorted(istio.revisions))
    if istio.default_revision is None and len(istio.revisions) > 1:
        yield Problem(path, f"one of the revisions {installed}, since there is more than one", "nothing")
    if istio.default_revision is not None and istio.default_revision not in istio.revisions:
        yield Problem(path, f"one of the revisions {installed}", shown(istio.default_revision))


def _no_revision_is_called_default(sections: Sections) -> Iterator[Problem]:
    istio = cast(IstioSettings | None, sections.get("istio"))
    if istio is not None and DEFAULT in istio.revisions:
        expected = f"a revision of another name (`{DEFAULT}` is a tag's: istio.tags.{DEFAULT} may lead to it)"
        yield Problem(("istio", "revisions", DEFAULT), expected, shown(DEFAULT))


def _tags_lead_to_a_revision(sections: Sections) -> Iterator[Problem]:
    istio = cast(IstioSettings | None, sections.get("istio"))
    if istio is None:
        return
    installed = ", ".join(sorted(istio.revisions))
    for tag, revision in istio.tags.items():
        path = ("istio", "tags", tag)
        if tag in istio.revisions:
            yield Problem(path, f"a tag that is none of the revisions {installed}", shown(tag))
        if revision not in istio.revisions:
            yield Problem(path, f"one of the revisions {installed}", shown(revision))


def _meshed_namespaces_have_their_revision(sections: Sections) -> Iterator[Problem]:
    istio = cast(IstioSettings | None, sections.get("istio"))
    mesh = cast(MeshSettings | None, sections.get("mesh"))
    if istio is None or mesh is None:
        return
    expected = f"one of the revisions {', '.join(sorted(istio.revisions))}"
    if istio.tags:
        expected += f" or of the tags {', '.join(sorted(istio.tags))}"
    for namespace, revision in mesh.namespaces.items():
        if revision not in istio.revisions and revision not in istio.tags:
            yield Problem(("mesh", "namespaces", namespace), expected, shown(revision))


def _namespaces_of_the_lab_stay_out_of_the_mesh(sections: Sections) -> Iterator[Problem]:
    mesh = cast(MeshSettings | None, sections.get("mesh"))
    monitoring = cast(MonitoringSettings | None, sections.get("monitoring"))
    kiali = cast(KialiSettings | None, sections.get("kiali"))
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


def _labels_of_namespaces_choose_no_revision(sections: Sections) -> Iterator[Problem]:
    cluster = cast(ClusterSettings | None, sections.get("cluster"))
    if cluster is None:
        return
    for key in (REVISION_LABEL, NAMESPACE_INJECTION_LABEL):
        if key in cluster.namespace_labels:
            expected = "no label that injects (mesh.namespaces says which namespaces are in the mesh)"
            yield Problem(("cluster", "namespaceLabels", key), expected, shown(cluster.namespace_labels[key]))


def _adopted_namespaces_are_the_programs(sections: Sections) -> Iterator[Problem]:
    cluster = cast(ClusterSettings | None, sections.get("cluster"))
    monitoring = cast(MonitoringSettings | None, sections.get("monitoring"))
    kiali = cast(KialiSettings | None, sections.get("kiali"))
    apps = cast(SampleAppsSettings | None, sections.get("sampleApps"))
    if cluster is None or monitoring is None or kiali is None or apps is None:
        return
    used = [ISTIO_NAMESPACE, monitoring.namespace, kiali.namespace, *([SAMPLE_NAMESPACE] if apps.enabled else [])]
    for name in cluster.adopt_namespaces:
        if name not in used:
            expected = f"namespaces that the stack uses: {', '.join(used)}"
            yield Problem(("cluster", "adoptNamespaces"), expected, shown(name))


def _crds_are_known(sections: Sections) -> Iterator[Problem]:
    monitoring = cast(MonitoringSettings | None, sections.get("monitoring"))
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
    cluster = cast(ClusterSettings | None, sections.get("cluster"))
    istio = cast(IstioSettings | None, sections.get("istio"))
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


def _istiods_values_are_read(sections: Sections) -> Iterator[Problem]:
    istio = cast(IstioSettings | None, sections.get("istio"))
    for name, revision in istio.revisions.items() if istio is not None else ():
        for path, expected in unread(revision.version, revision.values):
            got: Any = revision.values
            for key in path:
                got = got[key]
            yield Problem(("istio", "revisions", name, "values", *path), expected, f"{shown(got)}, {DOES_NOTHING}")


def _registries_are_not_overruled(sections: Sections) -> Iterator[Problem]:
    cluster = cast(ClusterSettings | None, sections.get("cluster"))
    monitoring = cast(MonitoringSettings | None, sections.get("monitoring"))
    if cluster is None or cluster.image_registry is None or monitoring is None:
        return
    if cluster.image_registries:
        return  # The chart is told the registry of each image then, and the stack's values come last.
    values = monitoring.values
    if "imageRegistry" in _mapping_at(values, "global"):
        return
    for path in _paths_to("registry", {key: value for key, value in values.items() if key != "global"}):
        yield Problem(
            ("monitoring", "values", *path),
            "none beside cluster.imageRegistry, which the chart lays over it",
            "one that does nothing",
        )


def _paths_to(key: str, values: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where within nested values something stands under `key`."""
    for name, value in cast(dict[str, object], values).items() if isinstance(values, dict) else ():
        if name == key and value:
            yield *path, name
        else:
            yield from _paths_to(key, value, (*path, name))


def _kialis_fields_are_known(sections: Sections) -> Iterator[Problem]:
    kiali = cast(KialiSettings | None, sections.get("kiali"))
    if kiali is None:
        return
    wrong, right = (0, 1) if parse_version(kiali.version)[0] >= KIALI_RENAMED_IN else (1, 0)
    for service in ("grafana", "tracing"):
        fields = _mapping_at(kiali.spec, "external_services", service)
        for names in KIALI_ADDRESSES:
            if names[wrong] in fields:
                yield Problem(
                    ("kiali", "spec", "external_services", service, names[wrong]),
                    f"{names[right]}, as Kiali {kiali.version} calls it",
                    "its name in another version",
                )


def _mapping_at(values: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The mapping at a path of free values; an empty one where something else stands there."""
    for key in path:
        below = values.get(key)
        values = cast(Mapping[str, Any], below) if isinstance(below, Mapping) else {}
    return values


def _istiod_scales_up_to_its_replicas(sections: Sections) -> Iterator[Problem]:
    istio = cast(IstioSettings | None, sections.get("istio"))
    for name, revision in istio.revisions.items() if istio is not None else ():
        most, least = said(revision.values, "autoscaleMax"), least_replicas(revision)
        if isinstance(most, int) and most < least and said(revision.values, "autoscaleEnabled") is not False:
            legacy = "autoscaleMax" in _mapping_at(revision.values, LEGACY)
            path = (LEGACY, "autoscaleMax") if legacy else ("autoscaleMax",)
            yield Problem(
                ("istio", "revisions", name, "values", *path),
                f"{least} or more, as many replicas as there are at least",
                shown(most),
            )


def _requests_fit_their_limits(sections: Sections) -> Iterator[Problem]:
    for path, resources in _all_resources(sections):
        for field in ("cpu", "memory"):
            least, most = getattr(resources.requests, field), getattr(resources.limits, field)
            if least is not None and most is not None and amount(least) > amount(most):
                yield Problem((*path, "requests", field), f"at most the limit {most}", shown(least))


def _all_resources(sections: Sections) -> Iterator[tuple[tuple[str, ...], Resources]]:
    """Every setting for what a container gets, with its path."""
    for section, settings in sections.items():
        yield from _resources_in(settings, (section,))


def _resources_in(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Resources]]:
    if isinstance(value, Resources):
        yield path, value
    elif isinstance(value, Section):
        for name, field in type(value).model_fields.items():
            yield from _resources_in(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict) and path[-1] == "revisions":
        for key, entry in cast(dict[str, object], value).items():
            yield from _resources_in(entry, (*path, key))


def _chart_folder_is_complete(sections: Sections) -> Iterator[Problem]:
    folder = _source(sections).folder
    if folder is None:
        return
    missing = [name for name in sorted(_packages(sections)) if not (folder / name).is_file()]
    if missing:
        yield Problem(("charts", "source"), f"a folder with {', '.join(missing)}", shown(str(folder)))


def _source(sections: Sections) -> ChartSource:
    charts = cast(ChartsSettings | None, sections.get("charts"))
    return ChartSource(charts.source if charts is not None else None)


def _packages(sections: Sections) -> Iterator[str]:
    for chart, version in needed_charts(sections):
        yield package_name(chart, version)


def needed_charts(sections: Sections) -> set[tuple[str, str]]:
    """Chart names and versions that the valid sections ask for."""
    needed: set[tuple[str, str]] = set()
    istio = cast(IstioSettings | None, sections.get("istio"))
    monitoring = cast(MonitoringSettings | None, sections.get("monitoring"))
    kiali = cast(KialiSettings | None, sections.get("kiali"))
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
    _default_revision_is_installed,
    _no_revision_is_called_default,
    _tags_lead_to_a_revision,
    _meshed_namespaces_have_their_revision,
    _namespaces_of_the_lab_stay_out_of_the_mesh,
    _labels_of_namespaces_choose_no_revision,
    _adopted_namespaces_are_the_programs,
    _crds_are_known,
    _istio_supports_the_clusters_kubernetes,
    _istiods_values_are_read,
    _registries_are_not_overruled,
    _kialis_fields_are_known,
    _istiod_scales_up_to_its_replicas,
    _requests_fit_their_limits,
    _chart_folder_is_complete,
    lost_nulls,
)
