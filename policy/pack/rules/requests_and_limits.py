"""Every container is scheduled by what it needs and held to what it may use, whoever writes its pod down."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..allowed import allowed
from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import Fields, Object, Subject, entries, mapping
from ..walk import UNKNOWN, places

NAME = "requests-and-limits"
_AMOUNTS = [(kind, what) for kind in ("requests", "limits") for what in ("cpu", "memory")]
_POD_GROUPS = ("", "apps", "batch")
_CONTAINERS = ("containers", "initContainers")
_OPERATORS_PODS = ("Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler")
# In these objects an entry of one of these names is laid over the container that the operator makes.
_OPERATORS_CONTAINERS = frozenset(
    {
        *("alertmanager", "prometheus", "thanos-ruler", "thanos-sidecar", "config-reloader", "init-config-reloader"),
        "prometheus-config-reloader",
    }
)
_RELOADER = "--config-reloader-"
_INJECTOR = "istio-sidecar-injector"
# Where a pod has one of these annotations, the injector goes by them alone.
_SIDECAR = {
    ("requests", "cpu"): "sidecar.istio.io/proxyCPU",
    ("requests", "memory"): "sidecar.istio.io/proxyMemory",
    ("limits", "cpu"): "sidecar.istio.io/proxyCPULimit",
    ("limits", "memory"): "sidecar.istio.io/proxyMemoryLimit",
}


def _check(subject: Subject, settings: PackSettings) -> Findings:
    if settings.allow_unlimited or not isinstance(subject, Object) or _is_test(subject):
        return
    for path, lacking in _unsized(subject):
        finding = f"none for {path}"
        if lacking and not allowed(NAME, subject, finding):
            yield (
                f"{path}: expected requests and limits of cpu and memory, got no {', no '.join(lacking)} "
                f"(setting policy.allowUnlimited; exceptions: allowed/{NAME}.yaml)"
            )


def _is_test(subject: Object) -> bool:
    """Whether only `helm test` would start it, which neither Pulumi nor meshlab does."""
    hooks = str(mapping(subject.metadata.get("annotations")).get("helm.sh/hook") or "").split(",")
    return any(hook.strip().startswith("test") for hook in hooks)


def _unsized(subject: Object) -> Iterator[tuple[str, list[str]]]:
    """Each place where amounts belong, and those that are not there."""
    spec = mapping(subject.manifest.get("spec"))
    if subject.group in _POD_GROUPS and not subject.is_text:
        yield from _pods(spec)
    elif subject.group == "monitoring.coreos.com" and subject.kind in _OPERATORS_PODS:
        yield "spec.resources", _lacking(spec.get("resources"))
        if spec.get("thanos"):
            yield "spec.thanos.resources", _lacking(mapping(spec["thanos"]).get("resources"))
        for key in _CONTAINERS:
            yield from _containers(spec.get(key), f"spec.{key}", but=_OPERATORS_CONTAINERS)
    elif subject.kind == "Kiali":
        yield "spec.deployment.resources", _lacking(mapping(spec.get("deployment")).get("resources"))
    elif subject.kind == "ConfigMap" and subject.name.startswith(_INJECTOR):
        yield from _sidecars(mapping(subject.manifest.get("data")).get("values"))


def _pods(spec: Fields) -> Iterator[tuple[str, list[str]]]:
    for place in places(spec, "spec"):
        # A pod's own amounts hold for all of its containers.
        if place.key in _CONTAINERS and _lacking(place.around.get("resources")):
            yield from _containers(place.value, place.path)
        elif place.key == "annotations":
            told = mapping(place.value)
            lacking = [f"{kind}.{what}" for (kind, what), key in _SIDECAR.items() if not told.get(key)]
            if len(lacking) < len(_SIDECAR):
                yield f"{place.path} of the sidecar", lacking
        elif place.key == "args":
            yield f"{place.path} of the config-reloaders", _reloaders(entries(place.value))


def _containers(listed: Any, path: str, but: frozenset[str] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    for container in map(mapping, entries(listed)):
        name = str(container.get("name") or "")
        if name not in but:
            yield f"{path}[{name}].resources", _lacking(container.get("resources"))


def _reloaders(arguments: list[Any]) -> list[str]:
    """Of the reloaders of Prometheus and Alertmanager the operator's arguments alone decide; what none says has a
    default of its own, and 0 is none."""
    told: dict[str, str] = {}
    for argument in map(str, arguments):
        name, _, amount = argument.partition("=")
        if name.startswith(_RELOADER):
            told[name.removeprefix(_RELOADER)] = amount
    return [f"{kind}.{what}" for kind, what in _AMOUNTS if not _is_amount(told.get(f"{what}-{kind[:-1]}", UNKNOWN))]


def _sidecars(values: Any) -> Iterator[tuple[str, list[str]]]:
    """What the injector gives each sidecar and its init container."""
    with suppress(ValueError, TypeError):
        proxy = mapping(mapping(json.loads(values).get("global")).get("proxy"))
        yield "data.values global.proxy.resources", _lacking(proxy.get("resources"))


def _lacking(resources: Any) -> list[str]:
    """The amounts that are not there; none where only `up` will know them."""
    if resources == UNKNOWN:
        return []
    told = mapping(resources)
    return [f"{kind}.{what}" for kind, what in _AMOUNTS if not _is_amount(mapping(told.get(kind)).get(what))]


def _is_amount(value: Any) -> bool:
    """Whether a quantity is one: 0 limits nothing and asks for nothing."""
    return str(value if value is not None else "").strip().lstrip("0.") not in ("", "m")


RULE = PolicyRule(
    NAME,
    "Every container has requests and limits of cpu and memory, those that operators and the injector make too.",
    _check,
)
