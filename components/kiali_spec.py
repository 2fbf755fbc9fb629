"""What the Kiali operator's chart and the Kiali object say."""

from typing import Any

from settings.images import Images
from settings.models import KialiSettings
from settings.names import ISTIO_NAMESPACE, RevisionNames, StackNames
from settings.pod_needs import PodNeeds
from settings.versions import parse_version

from .namespaces import PodSecurity

GRAFANA_AT_HAND = "http://localhost:3000"
"""Where the stack's output `grafana` puts Grafana for a person."""
OPERATOR_IMAGE, KIALI_IMAGE = "quay.io/kiali/kiali-operator", "quay.io/kiali/kiali"

_RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What the operator's chart says by itself from 2.x on: Pod Security level restricted."""
_AUTODETECTS = (2, 14, 0)
"""The first version that finds control planes by itself, and ignores the names of one (Kiali's release notes)."""


def pod_security(settings: KialiSettings) -> PodSecurity:
    """The strictest level that Kiali's own pods allow; those of 1.x name no seccomp profile."""
    return "restricted" if _is_current(settings) else "baseline"


def operator_values(settings: KialiSettings, images: Images, needs: PodNeeds) -> dict[str, Any]:
    """The values of the chart kiali-operator."""
    # The Kiali object is ours alone: created by the chart as well, it would have two owners.
    values: dict[str, Any] = {"cr": {"create": False}}
    if not _is_current(settings):
        values["securityContext"] = _RESTRICTED
    if settings.operator_resources is not None:
        values["resources"] = settings.operator_resources.values
    if images.is_mirrored(OPERATOR_IMAGE):
        values["image"] = {"repo": images.of(OPERATOR_IMAGE)}
        # Else the operator ignores the image that the Kiali object names.
        values["allowAdHocKialiImage"] = True
    if needs.pull_secrets:
        values.setdefault("image", {})["pullSecrets"] = list(needs.pull_secrets)
    if needs.tolerations:
        values["tolerations"] = needs.tolerated()
    return values


def kiali_spec(
    settings: KialiSettings,
    revision: str,
    stack: StackNames,
    images: Images,
    needs: PodNeeds,
    *,
    grafana_is_open: bool,
) -> dict[str, Any]:
    """The Kiali object's spec for the operator's version: where to ask for what.

    A version that does not find control planes by itself is given the names of `revision`.

    Kiali links to dashboards that it has asked Grafana for, which it can where `grafana_is_open` to everybody.
    """
    deployment: dict[str, Any] = {
        "accessible_namespaces": ["**"],
        # Where nobody signs in, Kiali acts with its own rights for whoever asks.
        "view_only_mode": settings.auth_strategy == "anonymous",
    }
    if settings.resources is not None:
        deployment["resources"] = settings.resources.values
    if images.is_mirrored(KIALI_IMAGE):
        deployment["image_name"] = images.of(KIALI_IMAGE)
    if needs.pull_secrets:
        deployment["image_pull_secrets"] = list(needs.pull_secrets)
    if needs.tolerations:
        deployment["tolerations"] = needs.tolerated()
    spec: dict[str, Any] = {
        "auth": {"strategy": settings.auth_strategy},
        "deployment": deployment,
        "external_services": {
            "prometheus": {
                "url": stack.prometheus_url,
                "cache_enabled": True,
                "cache_duration": 10,
                "cache_expiration": 300,
            },
            "grafana": _grafana(settings, stack) if grafana_is_open else {"enabled": False},
        },
    }
    if not finds_control_planes(settings):
        spec["istio_namespace"] = ISTIO_NAMESPACE
        spec["external_services"]["istio"] = _control_plane(RevisionNames(revision))
    return spec


def finds_control_planes(settings: KialiSettings) -> bool:
    """Whether Kiali finds the control planes by itself, so that its spec names none."""
    return parse_version(settings.version) >= _AUTODETECTS


def _control_plane(names: RevisionNames) -> dict[str, Any]:
    """The names of the one control plane that Kiali is to read."""
    return {
        "config_map_name": names.mesh_config_map,
        "istiod_deployment_name": names.istiod,
        "istio_sidecar_injector_config_map_name": names.injector_config_map,
    }


def _grafana(settings: KialiSettings, stack: StackNames) -> dict[str, Any]:
    """Where Kiali asks Grafana for our dashboards, and where a person's browser finds it: at the port-forward's end."""
    current = _is_current(settings)
    return {
        "enabled": True,
        "internal_url" if current else "in_cluster_url": stack.grafana_url,
        "external_url" if current else "url": GRAFANA_AT_HAND,
        # By their titles; without these, Kiali looks for those of Istio's own dashboards.
        "dashboards": [
            {"name": "Istio service", "variables": {"namespace": "var-namespace", "service": "var-service"}},
            {"name": "Istio workload", "variables": {"namespace": "var-namespace", "workload": "var-workload"}},
            {"name": "Istio mesh"},
            {"name": "Istio control plane"},
            {"name": "Istio performance"},
        ],
    }


def _is_current(settings: KialiSettings) -> bool:
    """Whether the operator is of the 2.x line, which renamed and dropped fields of 1.x."""
    return parse_version(settings.version)[0] >= 2
