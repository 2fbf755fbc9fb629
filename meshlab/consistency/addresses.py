"""Addresses within the cluster, wherever a text has one: the Service, its port, and below which path it serves."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from kube.api_objects import mapping

from ..render.objects import KubernetesObject
from .finding import Inconsistency
from .whole import RenderedService, Whole

_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?P<name>[a-z][a-z0-9-]*)\.(?P<namespace>[a-z][a-z0-9-]*)(?P<svc>\.svc(?:\.cluster\.local)?)?(?![\w.-])"
    r"(?::(?P<port>\d+))?(?P<path>/[^\s\"'<>,;`)]*)?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SILENT = frozenset({"ClusterRole", "CustomResourceDefinition", "EnvoyFilter", "PrometheusRule", "Role", "Secret"})
"""Kinds that call nobody: what they say of addresses is help for people, or a pattern."""
_SERVED_BELOW = ("Prometheus", "Alertmanager")


def addresses(whole: Whole) -> Iterator[Inconsistency]:
    """Every address of a namespace of the stack that leads to no Service, to none of its ports, or beside its path."""
    # Dashboards are long texts: most of them are done with here.
    ends = [f".{namespace}" for namespace in whole.namespaces]
    for object_ in whole.objects:
        if object_.kind in _SILENT:
            continue
        for where, text in _texts(object_.manifest, ""):
            if not any(end in text for end in ends):
                continue
            for match in _ADDRESS.finditer(text):
                yield from _followed(whole, object_, where, match)


def _texts(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Texts with something like an address in them, each with its path."""
    if isinstance(node, str):
        if "://" in node or ".svc" in node:
            yield path.removeprefix("."), node
    elif isinstance(node, dict):
        for key, entry in cast(Mapping[str, Any], node).items():
            if isinstance(entry, str | dict | list):
                yield from _texts(entry, f"{path}.{key}")
    elif isinstance(node, list):
        for number, entry in enumerate(cast(list[Any], node)):
            if isinstance(entry, str | dict | list):
                yield from _texts(entry, f"{path}[{number}]")


def _followed(whole: Whole, one: KubernetesObject, where: str, match: re.Match[str]) -> Iterator[Inconsistency]:
    scheme, name, namespace, svc, port, path = match.group("scheme", "name", "namespace", "svc", "port", "path")
    if namespace not in whole.namespaces or not (scheme or svc):
        return
    service = whole.service(namespace, name)
    address = match.group()
    if service is None:
        yield Inconsistency(
            "address", one, where, f"a Service {namespace}/{name} for {address}", "none", f"{name}.{namespace}"
        )
        return
    number = int(port) if port else _DEFAULT_PORTS.get(scheme or "")
    if number is not None and not service.has(number):
        has = ", ".join(str(port.number) for port in service.ports)
        expected = f"the port {number} at Service {namespace}/{name} for {address}"
        yield Inconsistency("port of an address", one, where, expected, has, f"{name}.{namespace}:{number}")
    elif scheme:
        yield from _below(whole, one, where, service, address, path or "/")


def _below(
    whole: Whole, one: KubernetesObject, where: str, service: RenderedService, address: str, path: str
) -> Iterator[Inconsistency]:
    """An address of a server that serves below a path only."""
    for pods in whole.pods_of(service):
        if pods.owner.kind not in _SERVED_BELOW:
            continue
        prefix = str(mapping(pods.owner.manifest.get("spec")).get("routePrefix") or "/").rstrip("/")
        if prefix and not f"{path}/".startswith(f"{prefix}/"):
            expected = f"an address below {prefix}, where {pods.owner.label} serves"
            yield Inconsistency("path", one, where, expected, address, address)
