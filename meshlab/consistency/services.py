"""Who calls whom: Services by name and port, and what selectors find."""

from collections.abc import Iterator, Mapping
from typing import Any

from kube.api_objects import entries, mapping

from ..render.objects import KubernetesObject
from .finding import Inconsistency
from .runtime import INJECTED_PORTS, UNSELECTED
from .selectors import Labels, Selector, says_nothing, selects, shown
from .whole import RenderedService, Whole, namespace_labels, places_of

_SELECTED = {
    "ServiceMonitor": "serviceMonitor",
    "PodMonitor": "podMonitor",
    "Probe": "probe",
    "PrometheusRule": "rule",
    "ScrapeConfig": "scrapeConfig",
}
"""Kinds that a Prometheus selects, and how its fields for that begin."""
_HTTPS = 443
_SHOWN = 3


def services(whole: Whole) -> Iterator[Inconsistency]:
    """Every Service, port and selector that leads nowhere."""
    for object_ in whole.objects:
        match object_.kind:
            case "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration":
                yield from _webhooks(whole, object_)
            case "APIService":
                called = object_.manifest["spec"].get("service")
                if called:
                    yield from _called(whole, object_, "spec.service", called, called.get("port", _HTTPS))
            case "Ingress":
                yield from _ingress(whole, object_)
            case "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute":
                yield from _routed(whole, object_)
            case "StatefulSet":
                named = object_.manifest["spec"].get("serviceName")
                if named:
                    yield from _called(whole, object_, "spec.serviceName", {"name": named}, None)
            case "Service":
                yield from _leads_somewhere(whole, object_)
            case "PodDisruptionBudget":
                yield from _finds_pods(
                    whole, object_, "spec.selector", object_.manifest["spec"].get("selector"), object_.namespace
                )
            case "ServiceMonitor":
                yield from _service_monitor(whole, object_)
            case "PodMonitor":
                yield from _pod_monitor(whole, object_)
            case "Prometheus":
                yield from _alertmanagers(whole, object_)
            case _:
                pass
    yield from _selected(whole)


def _called(
    whole: Whole, one: KubernetesObject, where: str, called: Mapping[str, Any], port: str | int | None
) -> Iterator[Inconsistency]:
    """The Service that a field of `name` and perhaps `namespace` names, and its port."""
    namespace = called.get("namespace") or one.namespace
    service = whole.service(namespace, called["name"])
    if service is None:
        name = called["name"]
        # Only of its own namespaces the stack knows what is there.
        yield Inconsistency("Service", one, where, f"a Service {namespace}/{name}", "none", name)
    elif port is not None and not service.has(port):
        yield _no_port(one, where, service, port)


def _no_port(one: KubernetesObject, where: str, service: RenderedService, port: str | int) -> Inconsistency:
    has = ", ".join(f"{port.name or 'unnamed'} {port.number}" for port in service.ports)
    expected = f"the port {port} at Service {service.namespace}/{service.name}"
    return Inconsistency("port of a Service", one, where, expected, has, str(port))


def _webhooks(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    for webhook in entries(one.manifest.get("webhooks")):
        called = webhook["clientConfig"].get("service")
        if called:
            where = f"webhooks[{webhook['name']}].clientConfig.service"
            yield from _called(whole, one, where, called, called.get("port", _HTTPS))


def _ingress(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    spec = one.manifest["spec"]
    backends = [("spec.defaultBackend", spec.get("defaultBackend"))]
    for number, rule in enumerate(entries(spec.get("rules"))):
        for path in entries(mapping(rule.get("http")).get("paths")):
            backends.append((f"spec.rules[{number}].http.paths[{path.get('path')}].backend", path.get("backend")))
    for where, backend in backends:
        called = mapping(backend).get("service")
        if called:
            port = mapping(called.get("port"))
            yield from _called(whole, one, where, {"name": called["name"]}, port.get("name") or port.get("number"))


def _routed(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    for number, rule in enumerate(entries(one.manifest["spec"].get("rules"))):
        for backend in entries(rule.get("backendRefs")):
            if backend.get("kind", "Service") == "Service":
                yield from _called(whole, one, f"spec.rules[{number}].backendRefs", backend, backend.get("port"))


def _leads_somewhere(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    """A Service's pods, and their ports where it calls them by name."""
    service = whole.service(one.namespace, one.name)
    if service is None or not service.selector or not whole.knows_pods_of(one.namespace):
        return
    pods = whole.pods_of(service)
    if not pods:
        wanted = shown({"matchLabels": service.selector})
        yield Inconsistency("pods of a Service", one, "spec.selector", f"pods with {wanted} in {one.namespace}", "none")
        return
    named = {name for pod in pods for name in pod.ports}
    for port in service.ports:
        if isinstance(port.target, str) and port.target not in named and port.target not in INJECTED_PORTS:
            expected = f"a port named {port.target} of {pods[0].owner.label}"
            got = ", ".join(sorted(named)) or "none"
            yield Inconsistency("port of a pod", one, f"spec.ports[{port.name}].targetPort", expected, got, port.target)


def _finds_pods(
    whole: Whole, one: KubernetesObject, where: str, selector: Selector | None, *namespaces: str
) -> Iterator[Inconsistency]:
    """Pods in one of the namespaces, where the selector wants some and all that is there is the stack's."""
    if not selector or says_nothing(selector) or not all(place in whole.namespaces for place in namespaces):
        return
    if not any(pods.namespace in namespaces and selects(selector, pods.labels) for pods in whole.pods):
        expected = f"pods with {shown(selector)} in {' or '.join(namespaces)}"
        yield Inconsistency("selected pods", one, where, expected, "none")


def _service_monitor(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    spec, places = one.manifest["spec"], places_of(one)
    found = [
        service
        for service in whole.services
        if (places is None or service.namespace in places)
        and service.labels
        and selects(spec["selector"], service.labels)
    ]
    if not found:
        if _knows(whole, one, places):
            place = "the cluster" if places is None else " or ".join(places)
            expected = f"a Service with {shown(spec['selector'])} in {place}"
            yield Inconsistency("monitored Service", one, "spec.selector", expected, "none", one.name)
        return
    for number, endpoint in enumerate(entries(spec.get("endpoints"))):
        port = endpoint.get("port")
        if port and not any(service.has(port) for service in found):
            yield _no_port(one, f"spec.endpoints[{number}].port", found[0], port)


def _pod_monitor(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    spec, places = one.manifest["spec"], places_of(one)
    if places is None or not _knows(whole, one, places):
        return
    found = [pods for pods in whole.pods if pods.namespace in places and selects(spec["selector"], pods.labels)]
    if not found:
        expected = f"pods with {shown(spec['selector'])} in {' or '.join(places)}"
        yield Inconsistency("selected pods", one, "spec.selector", expected, "none", one.name)
        return
    for number, endpoint in enumerate(entries(spec.get("podMetricsEndpoints"))):
        port = endpoint.get("port")
        if port and port not in INJECTED_PORTS and not any(port in pods.ports for pods in found):
            expected = f"a port named {port} of {found[0].owner.label}"
            got = ", ".join(sorted(found[0].ports)) or "none"
            yield Inconsistency("port of a pod", one, f"spec.podMetricsEndpoints[{number}].port", expected, got, port)


def _knows(whole: Whole, one: KubernetesObject, places: list[str] | None) -> bool:
    """Whether all that a monitor may find is the stack's: else it may be for what others have in the cluster."""
    if places is None:
        return not one.release
    return all(place in whole.namespaces for place in places)


def _alertmanagers(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    for number, called in enumerate(entries(mapping(one.manifest["spec"].get("alerting")).get("alertmanagers"))):
        where = f"spec.alerting.alertmanagers[{number}]"
        yield from _called(whole, one, where, called, called.get("port"))
        service = whole.service(called.get("namespace") or one.namespace, called["name"])
        for pods in whole.pods_of(service) if service else ():
            served = mapping(pods.owner.manifest.get("spec")).get("routePrefix") or "/"
            if pods.owner.kind == "Alertmanager" and (called.get("pathPrefix") or "/").rstrip("/") != served.rstrip(
                "/"
            ):
                got = called.get("pathPrefix") or "/"
                expected = f"{served}, the routePrefix of {pods.owner.label}"
                yield Inconsistency("path", one, f"{where}.pathPrefix", expected, got, got)


def _selected(whole: Whole) -> Iterator[Inconsistency]:
    """Monitors and rules that no Prometheus of the stack takes up."""
    takers = list(whole.of("Prometheus"))
    for kind, field in _SELECTED.items() if takers else ():
        missed = [
            object_
            for object_ in whole.of(kind)
            if not any(_takes(whole, taker, field, object_) for taker in takers)
            and not any(kind == listed and _labels(object_).get(key) == value for listed, key, value in UNSELECTED)
        ]
        if missed:
            selector = takers[0].manifest["spec"].get(f"{field}Selector")
            names = ", ".join(f"{object_.namespace}/{object_.name}" for object_ in missed[:_SHOWN])
            more = f" and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else ""
            expected = f"a selector that takes each {kind} of the stack"
            got = f"{_told(selector)}, which leaves out {names}{more}"
            yield Inconsistency(f"selected {kind}", takers[0], f"spec.{field}Selector", expected, got)


def _takes(whole: Whole, taker: KubernetesObject, field: str, one: KubernetesObject) -> bool:
    spec = taker.manifest["spec"]
    selector, places = spec.get(f"{field}Selector"), spec.get(f"{field}NamespaceSelector")
    if selector is None or not selects(selector, _labels(one)):
        return False
    if places is None:
        return one.namespace == taker.namespace
    return says_nothing(places) or selects(places, namespace_labels(whole, one.namespace))


def _labels(one: KubernetesObject) -> Labels:
    return one.manifest["metadata"].get("labels") or {}


def _told(selector: Selector | None) -> str:
    return "none" if selector is None else shown(selector) or "everything"
