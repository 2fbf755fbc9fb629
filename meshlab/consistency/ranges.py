"""Numbers that have an order, and that the API server or an operator would refuse otherwise."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kube.api_objects import entries, mapping
from settings.sizes import read_amount

from ..render.objects import KubernetesObject
from .finding import Inconsistency
from .selectors import selects
from .whole import Whole, containers, pod_template

_SECONDS = {"y": 31536000.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_LAST_PORT = 65535


def ranges(whole: Whole) -> Iterator[Inconsistency]:
    """Every pair of numbers that is the wrong way round."""
    for object_ in whole.objects:
        match object_.kind:
            case "HorizontalPodAutoscaler":
                yield from _scaling(object_)
            case "PodDisruptionBudget":
                yield from _disruption(whole, object_)
            case "Prometheus" | "ServiceMonitor" | "PodMonitor":
                yield from _scraping(whole, object_)
            case "Deployment":
                yield from _rolling(object_)
            case "Service":
                yield from _ports(object_)
            case _:
                pass
        template = pod_template(object_)
        if template is not None:
            yield from _pod(object_, template)
        elif object_.kind in ("Prometheus", "Alertmanager"):
            yield from _amounts(object_, "spec", mapping(object_.manifest.get("spec")))


def quantity(text: Any) -> float | None:
    """A Kubernetes quantity as a number; None for what is none."""
    try:
        return read_amount(str(text))
    except ValueError:
        return None


def seconds(text: Any) -> float | None:
    """A Prometheus duration in seconds; None for what is none."""
    parts = re.findall(r"(\d+)(ms|[ywdhms])", str(text))
    return sum(int(number) * _SECONDS[unit] for number, unit in parts) if parts else None


def _scaling(one: KubernetesObject) -> Iterator[Inconsistency]:
    spec = one.manifest["spec"]
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if least > most:
        yield Inconsistency("range", one, "spec.minReplicas", f"at most maxReplicas {most}", str(least))


def _disruption(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    spec = one.manifest["spec"]
    least = spec.get("minAvailable")
    if least is not None and spec.get("maxUnavailable") is not None:
        yield Inconsistency("range", one, "spec", "either minAvailable or maxUnavailable", "both")
    if not isinstance(least, int):
        return
    for pods in whole.pods:
        if pods.namespace != one.namespace or not selects(spec.get("selector") or {}, pods.labels):
            continue
        scaled = [
            int(scaler.manifest["spec"]["maxReplicas"])
            for scaler in whole.of("HorizontalPodAutoscaler")
            if scaler.namespace == one.namespace
            and scaler.manifest["spec"]["scaleTargetRef"]["name"] == pods.owner.name
        ]
        most = max([*scaled, pods.replicas or 1])
        if least > most:
            expected = f"at most {most}, which {pods.owner.label} has"
            yield Inconsistency("range", one, "spec.minAvailable", expected, str(least))


def _scraping(whole: Whole, one: KubernetesObject) -> Iterator[Inconsistency]:
    """No scrape may take longer than until the next; the operator leaves out a monitor that says so."""
    spec = one.manifest["spec"]
    if one.kind == "Prometheus":
        every, limit = spec.get("scrapeInterval", "30s"), spec.get("scrapeTimeout")
        yield from _in_time(one, "spec.scrapeTimeout", limit, every)
        return
    default = next((taker.manifest["spec"].get("scrapeInterval") for taker in whole.of("Prometheus")), None)
    field = "endpoints" if one.kind == "ServiceMonitor" else "podMetricsEndpoints"
    for number, endpoint in enumerate(entries(spec.get(field))):
        every = endpoint.get("interval") or default or "30s"
        yield from _in_time(one, f"spec.{field}[{number}].scrapeTimeout", endpoint.get("scrapeTimeout"), every)


def _in_time(one: KubernetesObject, where: str, limit: Any, every: Any) -> Iterator[Inconsistency]:
    longest, interval = seconds(limit), seconds(every)
    if longest is not None and interval is not None and longest > interval:
        yield Inconsistency("range", one, where, f"at most the interval {every}", str(limit))


def _rolling(one: KubernetesObject) -> Iterator[Inconsistency]:
    how = mapping(mapping(one.manifest["spec"].get("strategy")).get("rollingUpdate"))
    if str(how.get("maxSurge", "25%")).strip("%") == "0" and str(how.get("maxUnavailable", "25%")).strip("%") == "0":
        yield Inconsistency("range", one, "spec.strategy.rollingUpdate", "maxSurge or maxUnavailable above 0", "both 0")


def _ports(one: KubernetesObject) -> Iterator[Inconsistency]:
    names: set[str] = set()
    for port in entries(one.manifest["spec"].get("ports")):
        name = str(port.get("name") or "")
        if name in names:
            yield Inconsistency(
                "range", one, "spec.ports", "a name of its own for each port", f"two named {name or 'nothing'}"
            )
        names.add(name)
        if not 0 < int(port["port"]) <= _LAST_PORT:
            yield Inconsistency("range", one, f"spec.ports[{name}].port", f"1 to {_LAST_PORT}", str(port["port"]))


def _pod(one: KubernetesObject, template: Mapping[str, Any]) -> Iterator[Inconsistency]:
    within = "" if one.kind == "Pod" else "template."
    if one.kind in ("Deployment", "DaemonSet", "StatefulSet"):
        labels = mapping(mapping(template.get("metadata")).get("labels"))
        if not selects(one.manifest["spec"]["selector"], labels):
            yield Inconsistency("selected pods", one, "spec.selector", "the labels of its own pods", "others")
    volumes = {volume["name"] for volume in entries(template["spec"].get("volumes"))}
    volumes |= {claim["metadata"]["name"] for claim in entries(one.manifest["spec"].get("volumeClaimTemplates"))}
    for path, container in containers(template):
        where = f"{within}{path}"
        yield from _amounts(one, where, container)
        for mount in entries(container.get("volumeMounts")):
            if mount["name"] not in volumes:
                expected = f"a volume named {mount['name']}"
                yield Inconsistency(
                    "volume", one, f"{where}.volumeMounts", expected, ", ".join(sorted(volumes)), mount["name"]
                )
        ports = {port.get("name") for port in entries(container.get("ports"))}
        for name in _PROBES:
            yield from _probe(one, f"{where}.{name}", name, container.get(name), ports)


def _probe(
    one: KubernetesObject, where: str, name: str, probe: Mapping[str, Any] | None, ports: set[Any]
) -> Iterator[Inconsistency]:
    if not probe:
        return
    for field in ("periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"):
        # 0 stands for the default.
        if (probe.get(field) or 0) < 0:
            yield Inconsistency("range", one, f"{where}.{field}", "1 or more", str(probe[field]))
    if name != "readinessProbe" and (probe.get("successThreshold") or 1) != 1:
        yield Inconsistency("range", one, f"{where}.successThreshold", "1", str(probe["successThreshold"]))
    for how in ("httpGet", "tcpSocket"):
        port = mapping(probe.get(how)).get("port")
        if isinstance(port, str) and not port.isdigit() and port not in ports:
            got = ", ".join(sorted(str(port) for port in ports if port)) or "none"
            yield Inconsistency("port of a pod", one, f"{where}.{how}.port", f"a port named {port}", got, port)


def _amounts(one: KubernetesObject, where: str, container: Mapping[str, Any]) -> Iterator[Inconsistency]:
    resources = mapping(container.get("resources"))
    limits = mapping(resources.get("limits"))
    for name, asked in mapping(resources.get("requests")).items():
        least, most = quantity(asked), quantity(limits.get(name))
        if least is not None and most is not None and least > most:
            yield Inconsistency(
                "range", one, f"{where}.resources.requests.{name}", f"at most its limit {limits[name]}", str(asked)
            )
