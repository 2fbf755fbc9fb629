"""The values of the chart kube-prometheus-stack."""

from collections.abc import Mapping
from typing import Any, cast

from base.merging import merged
from kube.api_objects import mapping
from settings.images import Images
from settings.models import ClusterSettings, MonitoringSettings
from settings.names import GRAFANA_PORT, PROMETHEUS_PORT, StackNames
from settings.pod_needs import PodNeeds
from settings.sizes import Resources
from settings.stack_parts import is_on
from settings.versions import parse_version

GRAFANA_FOLDER_ANNOTATION = "grafana_folder"
"""Annotation of a dashboard's ConfigMap that names its folder in Grafana."""
ADMIN_USER_KEY, ADMIN_PASSWORD_KEY = "admin-user", "admin-password"
"""Keys of the Secret with Grafana's administrator."""

ALERTMANAGER_PORT = 9093
"""The port of Alertmanager's Service where the stack's values say no other."""

SUBCHARTS_KNOW_THE_REGISTRY = (46, 0, 0)
"""The first version of the chart whose subcharts follow `global.imageRegistry` and `imagePullSecrets` too."""
_SUBCHART_IMAGES = {
    ("grafana", "image"): "docker.io/grafana/grafana",
    ("grafana", "sidecar", "image"): "quay.io/kiwigrid/k8s-sidecar",
    ("kube-state-metrics", "image"): "registry.k8s.io/kube-state-metrics/kube-state-metrics",
    ("prometheus-node-exporter", "image"): "quay.io/prometheus/node-exporter",
}
_REGISTRIES = {
    ("alertmanager", "alertmanagerSpec", "image", "registry"): "quay.io",
    ("prometheus", "prometheusSpec", "image", "registry"): "quay.io",
    ("prometheusOperator", "alertmanagerDefaultBaseImageRegistry"): "quay.io",
    ("prometheusOperator", "image", "registry"): "quay.io",
    ("prometheusOperator", "prometheusConfigReloader", "image", "registry"): "quay.io",
    ("prometheusOperator", "prometheusDefaultBaseImageRegistry"): "quay.io",
    ("prometheusOperator", "thanosImage", "registry"): "quay.io",
}
"""Where the chart has the registry of each image, and which one it is upstream."""
_SUBCHART_REGISTRIES = {
    (*path, "registry"): image.partition("/")[0]
    for path, image in {**_SUBCHART_IMAGES, ("grafana", "initChownData", "image"): "docker.io/library/busybox"}.items()
}
_NODE_EXPORTER = ("prometheus-node-exporter",)
_EVERY_NODE = {"effect": "NoSchedule", "operator": "Exists"}
_TOLERATING = (
    ("alertmanager", "alertmanagerSpec"),
    ("grafana",),
    ("kube-state-metrics",),
    ("prometheus", "prometheusSpec"),
    _NODE_EXPORTER,
    ("prometheusOperator",),
)
"""Where the chart has the tolerations of each of its parts."""


def stack_names(settings: MonitoringSettings) -> StackNames:
    """What the chart calls the stack's objects, and where they serve, with what the stack's values say of that."""
    said = settings.values
    path = str(_said(said, "prometheus", "prometheusSpec", "routePrefix") or "").strip("/")
    return StackNames(
        settings.release,
        settings.namespace,
        fullname_override=str(said.get("fullnameOverride") or ""),
        grafana_override=str(_said(said, "grafana", "fullnameOverride") or ""),
        prometheus_port=_said(said, "prometheus", "service", "port") or PROMETHEUS_PORT,
        prometheus_path=f"/{path}" if path else "",
        grafana_port=_said(said, "grafana", "service", "port") or GRAFANA_PORT,
    )


def stack_values(settings: MonitoringSettings, names: StackNames, cluster: ClusterSettings) -> dict[str, Any]:
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
    _mirror(values, settings, cluster.images)
    _pull_and_tolerate(values, settings, cluster.pod_needs)
    _follow(values, settings, names)
    return values


def final_values(settings: MonitoringSettings, names: StackNames, cluster: ClusterSettings) -> dict[str, Any]:
    """What the release has: the stack's own values last."""
    return merged(stack_values(settings, names, cluster), settings.values)


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
    if images.registry is None and not images.registries:
        return
    # A pod that only helm's own tests would start, from an image of its own.
    values["grafana"]["testFramework"] = {"enabled": False}
    subcharts_know = parse_version(settings.version) >= SUBCHARTS_KNOW_THE_REGISTRY
    if images.registries:
        # The chart's one registry for all goes before that of each image, so it is left out.
        for path, upstream in (_REGISTRIES | (_SUBCHART_REGISTRIES if subcharts_know else {})).items():
            if (mirror := images.mirror_of(upstream)) is not None:
                _at(values, path[:-1])[path[-1]] = mirror
    else:
        _at(values, ("global",))["imageRegistry"] = images.registry
    if not subcharts_know:
        for path, image in _SUBCHART_IMAGES.items():
            if images.is_mirrored(image):
                _at(values, path)["repository"] = images.of(image)


def _follow(values: dict[str, Any], settings: MonitoringSettings, names: StackNames) -> None:
    """What hangs on the stack's own values: those come last, so that this holds where they say nothing of it."""
    said = settings.values
    if _said(said, "prometheusOperator", "admissionWebhooks", "certManager", "enabled"):
        # The certificate is cert-manager's then, and the chart's webhooks know it by that.
        values["prometheusOperator"]["admissionWebhooks"]["enabled"] = True
    if names.prometheus_path and not _has_way_in(said, "prometheus"):
        values["prometheus"]["prometheusSpec"]["externalUrl"] = names.prometheus_url
    path = str(_said(said, "alertmanager", "alertmanagerSpec", "routePrefix") or "").strip("/")
    if path and not _has_way_in(said, "alertmanager"):
        port = _said(said, "alertmanager", "service", "port") or ALERTMANAGER_PORT
        url = f"http://{names.fullname}-alertmanager.{names.namespace}:{port}/{path}"
        values["alertmanager"]["alertmanagerSpec"]["externalUrl"] = url
    for part, source in (
        ("prometheus", {"defaultDatasourceEnabled": False}),
        ("alertmanager", {"alertmanager": {"enabled": False}}),
    ):
        if _said(said, part, "enabled") is False:
            _at(values, ("grafana", "sidecar", "datasources")).update(source)
    for part, spec in (("prometheus", "prometheusSpec"), ("alertmanager", "alertmanagerSpec")):
        if _said(said, part, spec, "affinity", "podAntiAffinity"):
            # The chart would write both under one key, its own last.
            values[part][spec]["podAntiAffinity"] = ""


def _has_way_in(said: Mapping[str, Any], part: str) -> bool:
    """Whether the chart takes a part's external address from where people come in."""
    return any(_said(said, part, *path) for path in (("ingress", "enabled"), ("route", "main", "enabled")))


def _said(values: Mapping[str, Any], *path: str) -> Any:
    """What values say at a path; None where they say nothing."""
    found: Any = values
    for key in path:
        found = cast(Mapping[str, Any], found).get(key) if isinstance(found, Mapping) else None
    return found


def _pull_and_tolerate(values: dict[str, Any], settings: MonitoringSettings, needs: PodNeeds) -> None:
    if needs.pull_secrets:
        _at(values, ("global",))["imagePullSecrets"] = needs.secret_references
        if parse_version(settings.version) < SUBCHARTS_KNOW_THE_REGISTRY:
            for subchart in ("kube-state-metrics", "prometheus-node-exporter"):
                _at(values, (subchart,))["imagePullSecrets"] = needs.secret_references
    for path in _TOLERATING if needs.tolerations else ():
        # node-exporter's chart has one of its own, which brings it to every node.
        own = [_EVERY_NODE] if path == _NODE_EXPORTER else []
        _at(values, path)["tolerations"] = [*own, *needs.tolerated()]


def _at(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The mapping at `path`, made where it is not there."""
    for key in path:
        values = values.setdefault(key, {})
    return values
