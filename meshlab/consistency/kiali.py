"""What a Kiali object names of the control plane: its operator looks for these by name, and shows an error in place of
a mesh where one is not there."""

from collections.abc import Iterator, Mapping
from typing import Any

from kube.api_objects import mapping
from settings.names import ISTIO_NAMESPACE

from ..render.objects import KubernetesObject
from .finding import Inconsistency
from .whole import Whole

_NAMED = {
    "config_map_name": "ConfigMap",
    "istiod_deployment_name": "Deployment",
    "istio_sidecar_injector_config_map_name": "ConfigMap",
}
_REFERENCE = "secret"


def kiali(whole: Whole) -> Iterator[Inconsistency]:
    """Every name in a Kiali object that leads nowhere."""
    for object_ in whole.of("Kiali"):
        spec = mapping(object_.manifest.get("spec"))
        istio = mapping(mapping(spec.get("external_services")).get("istio"))
        namespace = spec.get("istio_namespace") or ISTIO_NAMESPACE
        for field, kind in _NAMED.items():
            name = istio.get(field)
            if name and not whole.has(kind, namespace, name):
                where = f"spec.external_services.istio.{field}"
                yield Inconsistency(kind, object_, where, f"a {kind} {namespace}/{name}", "none", name)
        yield from _secrets(whole, object_, spec, "spec")


def _secrets(whole: Whole, one: KubernetesObject, node: Mapping[str, Any], path: str) -> Iterator[Inconsistency]:
    """Values of the form `secret:<name>:<key>`, which Kiali reads from a Secret beside it."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _secrets(whole, one, value, f"{path}.{key}")  # type: ignore[reportUnknownArgumentType]
        elif isinstance(value, str) and value.startswith(f"{_REFERENCE}:") and value.count(":") == 2:
            _, name, _ = value.split(":")
            if not whole.has("Secret", one.namespace, name):
                yield Inconsistency("Secret", one, f"{path}.{key}", f"a Secret {one.namespace}/{name}", "none", value)
