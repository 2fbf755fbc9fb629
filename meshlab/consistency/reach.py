"""Calls that a NetworkPolicy of the stack would cut off: of the API server's to webhooks, and between its own pods."""

from collections.abc import Iterator, Mapping
from typing import Any

from kube.api_objects import entries

from ..render.objects import KubernetesObject
from .finding import Inconsistency
from .runtime import PodGroup
from .selectors import selects
from .whole import Port, RenderedService, Whole, namespace_labels, places_of, pod_template

_HTTPS = 443


def reach(whole: Whole) -> Iterator[Inconsistency]:
    """Every webhook that the API server could not call, and every Service that Prometheus could not scrape."""
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for object_ in whole.of(kind):
            for webhook in entries(object_.manifest.get("webhooks")):
                called = webhook["clientConfig"].get("service")
                service = whole.service(called.get("namespace", ""), called["name"]) if called else None
                if called and service:
                    where = f"webhooks[{webhook['name']}].clientConfig.service"
                    yield from _open(whole, object_, where, service, called.get("port", _HTTPS), None)
    scrapers = [pods for pods in whole.pods if pods.owner.kind == "Prometheus"]
    for object_ in whole.of("ServiceMonitor") if scrapers else ():
        spec, places = object_.manifest["spec"], places_of(object_)
        for service in whole.services:
            if (
                (places is None or service.namespace in places)
                and service.labels
                and selects(spec["selector"], service.labels)
            ):
                for number, endpoint in enumerate(entries(spec.get("endpoints"))):
                    where = f"spec.endpoints[{number}]"
                    yield from _open(whole, object_, where, service, endpoint.get("port"), scrapers[0])


def _open(
    whole: Whole,
    one: KubernetesObject,
    where: str,
    service: RenderedService,
    port: str | int | None,
    caller: PodGroup | None,
) -> Iterator[Inconsistency]:
    called = next((entry for entry in service.ports if port in (entry.name, entry.number)), None)
    if called is None:
        return
    for pods in whole.pods_of(service):
        if not lets_in(whole, pods, called, caller):
            who = caller.owner.label if caller else "the API server"
            expected = f"a NetworkPolicy that lets {who} in at port {called.target} of {pods.owner.label}"
            yield Inconsistency("way in", one, where, expected, "only policies that do not")


def lets_in(whole: Whole, pods: PodGroup, port: Port, caller: PodGroup | None) -> bool:
    """Whether the stack's policies leave a way to a port of `pods`; without `caller`, from outside of all pods."""
    template = pod_template(pods.owner)
    if template is not None and template["spec"].get("hostNetwork"):
        return True
    closed = [
        policy.manifest["spec"]
        for policy in whole.of("NetworkPolicy")
        if policy.namespace == pods.namespace
        and "Ingress" in (policy.manifest["spec"].get("policyTypes") or ["Ingress"])
        and selects(policy.manifest["spec"].get("podSelector") or {}, pods.labels)
    ]
    number = pods.ports.get(port.target) if isinstance(port.target, str) else port.target
    names = {name for name, other in pods.ports.items() if other == number}
    rules = [rule for spec in closed for rule in entries(spec.get("ingress"))]
    return not closed or any(_admits(whole, pods, rule, {number, *names}, caller) for rule in rules)


def _admits(
    whole: Whole, pods: PodGroup, rule: Mapping[str, Any], port: set[str | int | None], caller: PodGroup | None
) -> bool:
    ports, peers = rule.get("ports"), rule.get("from")
    if ports and not any("port" not in item or item["port"] in port or "endPort" in item for item in ports):
        return False
    return not peers or any(_is_peer(whole, pods, peer, caller) for peer in peers)


def _is_peer(whole: Whole, pods: PodGroup, peer: Mapping[str, Any], caller: PodGroup | None) -> bool:
    if "ipBlock" in peer:
        # Which addresses a cluster uses is not for a stack to say.
        return True
    if caller is None or not selects(peer.get("podSelector") or {}, caller.labels):
        return False
    if "namespaceSelector" not in peer:
        return caller.namespace == pods.namespace
    return selects(peer["namespaceSelector"] or {}, namespace_labels(whole, caller.namespace))
