"""The values of the chart kube-prometheus-stack."""

from collections.abc import Mapping
from typing import Any

from .api_objects import mapping
from .images import Images
from .names import StackNames
from .objects import merged
from .settings import MonitoringSettings
from .sizes import Resources
from .stack_parts import is_on
from .versions import parse_version

GRAFANA_FOLDER_ANNOTATION = "grafana_folder"
"""Annotation of a dashboard's ConfigMap that names its folder in Grafana."""
ADMIN_USER_KEY, ADMIN_PASSWORD_KEY = "admin-user", "admin-password"
"""Keys of the Secret with Grafana's administrator."""

SUBCHARTS_KNOW_THE_REGISTRY = (46, 0, 0)
"""The first version of the chart whose subcharts follow `global.imageRegistry` too."""
_SUBCHART_IMAGES = {
    ("grafana", "image"): "docker.io/grafana/grafana",
    ("grafana", "sidecar", "image"): "quay.io/kiwigrid/k8s-sidecar",
    ("kube-state-metrics", "image"): "registry.k8s.io/kube-state-metrics/kube-state-metrics",
    ("prometheus-node-exporter", "image"): "quay.io/prometheus/node-exporter",
}


def stack_values(settings: MonitoringSettings, names: StackNames, images: Images) -> dict[str, Any]:
    """What the lab wants of the stack, and what the settings say of its size and access."""
    values: dict[str, Any] = {
        "grafana": _grafana(settings, names),
        "prometheus": {
            "prometheusSpec": {
                "replicas": settings.replicas,
                "retention": settings.retention,
                "scrapeInterval": settings.scrape_interval,
            }
        },
        "alertmanager": {"alertmanagerSpec": {"replicas": settings.alertmanager.replicas}},
        # The program brings the operator's webhooks (operator_webhooks.py).
        "prometheusOperator": {"admissionWebhooks": {"enabled": False}},
    }
    _make_durable(values, settings)
    _size(values, settings)
    _mirror(values, settings, images)
    return values


def final_values(settings: MonitoringSettings, names: StackNames, images: Images) -> dict[str, Any]:
    """What the release has: the stack's own values last."""
    return merged(stack_values(settings, names, images), settings.values)


def grafana_is_open(values: Mapping[str, Any]) -> bool:
    """Whether Grafana is there with these values, and shows dashboards to people who have not signed in."""
    ini = mapping(mapping(values.get("grafana")).get("grafana.ini"))
    return is_on(values, "grafana") and mapping(ini.get("auth.anonymous")).get("enabled") in (True, "true")


def _grafana(settings: MonitoringSettings, names: StackNames) -> dict[str, Any]:
    return {
        # The stack's own thirty dashboards bury the mesh's.
        "defaultDashboardsEnabled": False,
        "grafana.ini": {"auth.anonymous": {"enabled": settings.grafana_anonymous, "org_role": "Viewer"}},
        # By reference: helm keeps values, and whoever reads a release would read the password.
        "admin": {
            "existingSecret": names.grafana_admin_secret,
            "userKey": ADMIN_USER_KEY,
            "passwordKey": ADMIN_PASSWORD_KEY,
        },
        "sidecar": {
            "dashboards": {
                "folderAnnotation": GRAFANA_FOLDER_ANNOTATION,
                "provider": {"foldersFromFilesStructure": True},
            }
        },
    }


def _make_durable(values: dict[str, Any], settings: MonitoringSettings) -> None:
    """Pods on different nodes where there are several, and claims where they are asked for."""
    parts = (
        ("prometheus", "prometheusSpec", "storageSpec", settings.replicas, settings.storage),
        ("alertmanager", "alertmanagerSpec", "storage", settings.alertmanager.replicas, settings.alertmanager.storage),
    )
    for part, spec, claim, replicas, storage in parts:
        if replicas > 1:
            values[part][spec]["podAntiAffinity"] = "soft"
            values[part]["podDisruptionBudget"] = {"enabled": True}
        if storage is not None:
            values[part][spec][claim] = storage.claim


def _size(values: dict[str, Any], settings: MonitoringSettings) -> None:
    sizes = settings.resources
    parts: dict[tuple[str, ...], Resources | None] = {
        ("alertmanager", "alertmanagerSpec"): sizes.alertmanager,
        ("grafana",): sizes.grafana,
        ("grafana", "sidecar"): sizes.grafana_sidecars,
        ("kube-state-metrics",): sizes.kube_state_metrics,
        ("prometheus", "prometheusSpec"): sizes.prometheus,
        ("prometheus-node-exporter",): sizes.node_exporter,
        ("prometheusOperator",): sizes.operator,
        ("prometheusOperator", "prometheusConfigReloader"): sizes.config_reloader,
    }
    for path, resources in parts.items():
        if resources is not None:
            _at(values, path)["resources"] = resources.values


def _mirror(values: dict[str, Any], settings: MonitoringSettings, images: Images) -> None:
    if images.registry is None:
        return
    values["global"] = {"imageRegistry": images.registry}
    # A pod that only helm's own tests would start, from an image of its own.
    values["grafana"]["testFramework"] = {"enabled": False}
    if parse_version(settings.version) < SUBCHARTS_KNOW_THE_REGISTRY:
        for path, image in _SUBCHART_IMAGES.items():
            _at(values, path)["repository"] = images.of(image)


def _at(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The mapping at `path`, made where it is not there."""
    for key in path:
        values = values.setdefault(key, {})
    return values
