"""Which addresses of a cluster stand for which istiod."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .istiod import PORT_OPTIONS

REVISION_LABEL = "istio.io/rev"


class Route(NamedTuple):
    """A revision, None where any will do, and the port that its istiod's pods have."""

    revision: str | None
    port: int


def routes(services: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], Route]:
    """Routes by address and port: of the Services that select istiod's pods, whatever they are called, for webhooks,
    and of the pods themselves, which is where the API server's proxy to a Service goes."""
    found: dict[tuple[str, int], Route] = {}
    for service in services:
        selector: dict[str, str] = service["spec"].get("selector", {})
        if selector.get("app") != "istiod":
            continue
        for port in service["spec"]["ports"]:
            target: int | str = port.get("targetPort", port["port"])
            route = Route(selector.get(REVISION_LABEL), target if isinstance(target, int) else port["port"])
            found |= {(address, port["port"]): route for address in service["spec"].get("clusterIPs", ())}
    for pod in pods:
        labels: dict[str, str] = pod["metadata"].get("labels", {})
        address = pod["status"].get("podIP")
        if labels.get("app") == "istiod" and address:
            found |= {(address, port): Route(labels.get(REVISION_LABEL), port) for port in PORT_OPTIONS}
    return found
