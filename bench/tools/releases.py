"""The Helm releases of the lab as somebody without this program installs them: the values are the program's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from meshlab.recording.releases import releases_of
from settings.names import STACK_CHART

from ..field import Field

CRD_CHART = "prometheus-operator-crds"
"""A release of the program alone: without it, kube-prometheus-stack installs those CRDs itself, once and for good."""


@dataclass(frozen=True)
class ReleaseFile:
    """One release, and the file of its values."""

    name: str
    namespace: str
    chart: str
    """Path of the packed chart."""
    version: str
    values: Path
    crds_as_templates: bool
    """The chart's CRDs are among its templates, so what it has in crds/ stays out."""
    needs: tuple[str, ...]
    """Names of releases that must be there before."""


def releases(field: Field, phase: str) -> list[ReleaseFile]:
    """The releases in the order of installation, with the values of a phase written into the field's folder."""
    listed = releases_of(field.stack(phase).recorded("x" * 24).resources)
    base = next(release.name for release in listed if release.chart == "base")
    found: list[ReleaseFile] = []
    for release in listed:
        if release.chart == CRD_CHART:
            continue
        file = field.folder / f"{phase}-{release.name}.yaml"
        file.write_text(yaml.safe_dump(_by_hand(release.chart, release.values)), encoding="utf-8")
        needs = (base,) if release.chart == "istiod" else ()
        found.append(
            ReleaseFile(
                release.name,
                release.namespace,
                release.reference,
                release.version,
                file,
                release.chart == "base",
                needs,
            )
        )
    return found


def namespaces(wanted: list[ReleaseFile]) -> list[str]:
    """The namespaces that have to be there, in order."""
    return list(dict.fromkeys(file.namespace for file in wanted))


def _by_hand(chart: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A chart's values without what only the program makes: Grafana's password and the webhooks' certificate, which the
    chart has Jobs for."""
    plain: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(values)))
    if chart == STACK_CHART:
        plain["grafana"].pop("admin", None)
        plain["prometheusOperator"].pop("admissionWebhooks", None)
    return plain
