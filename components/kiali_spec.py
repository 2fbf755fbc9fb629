"""What the Kiali operator's chart and the Kiali object say."""

from typing import Any

from .images import Images
from .names import ISTIO_NAMESPACE, RevisionNames, StackNames
from .settings import KialiSettings
from .versions import parse_version

OPERATOR_IMAGE, KIALI_IMAGE = "quay.io/kiali/kiali-operator", "quay.io/kiali/kiali"


def operator_values(settings: KialiSettings, images: Images) -> dict[str, Any]:
    """The values of the chart kiali-operator."""
    # The Kiali object is ours alone: created by the chart as well, it would have two owners.
    values: dict[str, Any] = {"cr": {"create": False}}
    if settings.operator_resources is not None:
        values["resources"] = settings.operator_resources.values
    if images.registry is not None:
        values["image"] = {"repo": images.of(OPERATOR_IMAGE)}
        # Else the operator ignores the image that the Kiali object names.
        values["allowAdHocKialiImage"] = True
    return values


def kiali_spec(settings: KialiSettings, revision: str, stack: StackNames, images: Images) -> dict[str, Any]:
    """The Kiali object's spec for the operator's version: the names of `revision`, and where its Prometheus is."""
    names = RevisionNames(revision)
    deployment: dict[str, Any] = {
        "accessible_namespaces": ["**"],
        # Where nobody signs in, Kiali acts with its own rights for whoever asks.
        "view_only_mode": settings.auth_strategy == "anonymous",
    }
    if settings.resources is not None:
        deployment["resources"] = settings.resources.values
    if images.registry is not None:
        deployment["image_name"] = images.of(KIALI_IMAGE)
    spec: dict[str, Any] = {
        "istio_namespace": ISTIO_NAMESPACE,
        "auth": {"strategy": settings.auth_strategy},
        "deployment": deployment,
        "external_services": {
            "prometheus": {
                "url": stack.prometheus_url,
                "cache_enabled": True,
                "cache_duration": 10,
                "cache_expiration": 300,
            },
            "istio": {
                "config_map_name": names.mesh_config_map,
                "istiod_deployment_name": names.istiod,
                "istio_sidecar_injector_config_map_name": names.injector_config_map,
            },
        },
    }
    if parse_version(settings.version)[0] < 2:
        # Gone from 2.x on, which finds the components by their labels.
        spec["istio_component_namespaces"] = {"prometheus": stack.namespace}
    return spec
