"""Rules between settings. Each takes the sections that are valid by themselves and reports where they do not fit."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from .charts import ChartSource, package_name
from .injection import DEFAULT, NEVER_MESHED
from .names import ISTIO_NAMESPACE
from .settings_errors import Problem, shown
from .versions import ISTIO_KUBERNETES, OPERATOR_CRDS, istios_for, minor, supports

if TYPE_CHECKING:
    from .settings import (
        ChartsSettings,
        ClusterSettings,
        IstioSettings,
        KialiSettings,
        MeshSettings,
        MonitoringSettings,
        Section,
    )

Sections = Mapping[str, "Section"]
"""Valid sections by their key in the stack file; one that is wrong by itself is not there."""


def broken_rules(sections: Sections) -> Iterator[Problem]:
    """Every rule between settings that does not hold."""
    for rule in _RULES:
        yield from rule(sections)


def _default_revision_is_installed(sections: Sections) -> Iterator[Problem]:
    istio = cast("IstioSettings | None", sections.get("istio"))
    if istio is None:
        return
    path = ("istio", "defaultRevision")
    installed = ", ".join(sorted(istio.revisions))
    if istio.default_revision is None and len(istio.revisions) > 1:
        yield Problem(path, f"one of the revisions {installed}, since there is more than one", "nothing")
    if istio.default_revision is not None and istio.default_revision not in istio.revisions:
        yield Problem(path, f"one of the revisions {installed}", shown(istio.default_revision))


def _no_revision_is_called_default(sections: Sections) -> Iterator[Problem]:
    istio = cast("IstioSettings | None", sections.get("istio"))
    if istio is not None and DEFAULT in istio.revisions:
        expected = f"a revision of another name (`{DEFAULT}` is a tag's: istio.tags.{DEFAULT} may lead to it)"
        yield Problem(("istio", "revisions", DEFAULT), expected, shown(DEFAULT))


def _tags_lead_to_a_revision(sections: Sections) -> Iterator[Problem]:
    istio = cast("IstioSettings | None", sections.get("istio"))
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
    istio = cast("IstioSettings | None", sections.get("istio"))
    mesh = cast("MeshSettings | None", sections.get("mesh"))
    if istio is None or mesh is None:
        return
    expected = f"one of the revisions {', '.join(sorted(istio.revisions))}"
    if istio.tags:
        expected += f" or of the tags {', '.join(sorted(istio.tags))}"
    for namespace, revision in mesh.namespaces.items():
        if revision not in istio.revisions and revision not in istio.tags:
            yield Problem(("mesh", "namespaces", namespace), expected, shown(revision))


def _namespaces_of_the_lab_stay_out_of_the_mesh(sections: Sections) -> Iterator[Problem]:
    mesh = cast("MeshSettings | None", sections.get("mesh"))
    monitoring = cast("MonitoringSettings | None", sections.get("monitoring"))
    kiali = cast("KialiSettings | None", sections.get("kiali"))
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


def _crds_are_known(sections: Sections) -> Iterator[Problem]:
    monitoring = cast("MonitoringSettings | None", sections.get("monitoring"))
    if monitoring is None:
        return
    paired = OPERATOR_CRDS.get(monitoring.version)
    path = ("monitoring", "crdsVersion")
    if monitoring.crds_version is None and paired is None:
        yield Problem(
            path,
            f"the version of prometheus-operator-crds that belongs to kube-prometheus-stack {monitoring.version} "
            f"(components/versions.py knows {', '.join(OPERATOR_CRDS)})",
            "nothing",
        )
    elif monitoring.crds_version is not None and paired is not None and monitoring.crds_version != paired:
        yield Problem(
            path,
            f"{paired}, the prometheus-operator-crds of kube-prometheus-stack {monitoring.version}",
            shown(monitoring.crds_version),
        )


def _istio_supports_the_clusters_kubernetes(sections: Sections) -> Iterator[Problem]:
    cluster = cast("ClusterSettings | None", sections.get("cluster"))
    istio = cast("IstioSettings | None", sections.get("istio"))
    if cluster is None or cluster.kubernetes is None or istio is None:
        return
    fitting = istios_for(cluster.kubernetes)
    wanted = f"Istio {', '.join(fitting)}" if fitting else "an Istio that components/versions.py does not know yet"
    for name, revision in istio.revisions.items():
        if not supports(revision.version, cluster.kubernetes):
            path = ("istio", "revisions", name, "version")
            supported = ISTIO_KUBERNETES.get(minor(revision.version))
            known = f"supports {supported[0]} to {supported[1]}" if supported else "is not in components/versions.py"
            expected = f"{wanted} for Kubernetes {cluster.kubernetes} (Istio {minor(revision.version)} {known})"
            yield Problem(path, expected, shown(revision.version))


def _chart_folder_is_complete(sections: Sections) -> Iterator[Problem]:
    charts = cast("ChartsSettings | None", sections.get("charts"))
    folder = ChartSource(charts.source).folder if charts is not None else None
    if folder is None:
        return
    missing = [name for name in sorted(_packages(sections)) if not (folder / name).is_file()]
    if missing:
        yield Problem(("charts", "source"), f"a folder with {', '.join(missing)}", shown(str(folder)))


def _packages(sections: Sections) -> Iterator[str]:
    for chart, version in needed_charts(sections):
        yield package_name(chart, version)


def needed_charts(sections: Sections) -> set[tuple[str, str]]:
    """Chart names and versions that the valid sections ask for."""
    needed: set[tuple[str, str]] = set()
    istio = cast("IstioSettings | None", sections.get("istio"))
    monitoring = cast("MonitoringSettings | None", sections.get("monitoring"))
    kiali = cast("KialiSettings | None", sections.get("kiali"))
    if istio is not None:
        needed.add(("base", istio.base_version))
        needed |= {("istiod", revision.version) for revision in istio.revisions.values()}
    if monitoring is not None:
        needed.add(("kube-prometheus-stack", monitoring.version))
        crds = monitoring.crds_version or OPERATOR_CRDS.get(monitoring.version)
        if crds is not None:
            needed.add(("prometheus-operator-crds", crds))
    if kiali is not None:
        needed.add(("kiali-operator", kiali.version))
    return needed


_RULES: tuple[Callable[[Sections], Iterator[Problem]], ...] = (
    _default_revision_is_installed,
    _no_revision_is_called_default,
    _tags_lead_to_a_revision,
    _meshed_namespaces_have_their_revision,
    _namespaces_of_the_lab_stay_out_of_the_mesh,
    _crds_are_known,
    _istio_supports_the_clusters_kubernetes,
    _chart_folder_is_complete,
)
