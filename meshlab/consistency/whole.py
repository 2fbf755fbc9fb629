"""A rendered stack by what its objects are called, and what is known to be there beside them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kube.api_objects import entries, mapping

from ..render.objects import KubernetesObject
from .runtime import CLUSTERS_OWN, MADE, PodGroup, operated, secrets_made
from .selectors import Labels

TEMPLATED = ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job")


@dataclass(frozen=True)
class Port:
    """A port of a Service."""

    name: str
    number: int
    target: str | int


@dataclass(frozen=True)
class RenderedService:
    """A Service of the stack, or one that is known to be made."""

    namespace: str
    name: str
    labels: Labels
    ports: tuple[Port, ...]
    """Empty where it is not known which."""
    selector: Labels

    def has(self, port: str | int | None) -> bool:
        """Whether there is a port of this name or number."""
        return not self.ports or any(port in (known.name, known.number) for known in self.ports)


class Whole:
    """Looks things up in a rendered stack."""

    def __init__(self, objects: Iterable[KubernetesObject]) -> None:
        self.objects = list(objects)
        self.by_kind: dict[str, dict[tuple[str, str], KubernetesObject]] = {}
        for object_ in self.objects:
            self.by_kind.setdefault(object_.kind, {})[object_.namespace, object_.name] = object_
        self.secrets_made = [(object_, name) for object_ in self.objects for name in secrets_made(object_)]
        self._secrets = {(maker.namespace, name) for maker, name in self.secrets_made}

    def find(self, kind: str, namespace: str, name: str) -> KubernetesObject | None:
        """The object of the stack, if it has it."""
        return self.by_kind.get(kind, {}).get((namespace, name))

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether an object is part of the stack, or is known to be made by somebody."""
        if self.find(kind, namespace, name) is not None:
            return True
        if kind == "Secret" and (namespace, name) in self._secrets:
            return True
        return any(made.has(kind, namespace, name) for made in MADE)

    def of(self, kind: str) -> Iterable[KubernetesObject]:
        """Every object of a kind."""
        return self.by_kind.get(kind, {}).values()

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The namespaces that the stack itself makes: what is in them, it knows."""
        return frozenset(object_.name for object_ in self.of("Namespace") if not object_.patch)

    @cached_property
    def pods(self) -> list[PodGroup]:
        """Pods of workloads, and of what operators run."""
        return [pods for object_ in self.objects for pods in (*_templated(object_), *operated(object_))]

    @cached_property
    def services(self) -> list[RenderedService]:
        """Services of the stack, and those that are known to be made."""
        rendered = [_service(object_) for object_ in self.of("Service")]
        made = [
            RenderedService(
                made.namespace, made.name, made.labels, tuple(Port(*port, port[0]) for port in made.ports.items()), {}
            )
            for made in MADE
            if made.kind == "Service"
        ]
        return [*rendered, *made]

    def service(self, namespace: str, name: str) -> RenderedService | None:
        """A Service by its name."""
        one = self.find("Service", namespace, name)
        if one is not None:
            return _service(one)
        made = next((made for made in MADE if made.has("Service", namespace, name)), None)
        if made is None:
            return None
        return RenderedService(namespace, name, made.labels, (), {})

    def pods_of(self, service: RenderedService) -> list[PodGroup]:
        """The pods that a Service leads to."""
        if not service.selector:
            return []
        wanted = service.selector.items()
        return [pod for pod in self.pods if pod.namespace == service.namespace and wanted <= pod.labels.items()]

    def knows_pods_of(self, namespace: str) -> bool:
        """Whether a selector that finds nothing in a namespace is wrong, and not for pods that others bring."""
        return namespace not in CLUSTERS_OWN


def places_of(monitor: KubernetesObject) -> list[str] | None:
    """The namespaces in which a monitor looks; None for all of the cluster."""
    selector = mapping(monitor.manifest["spec"].get("namespaceSelector"))
    return None if selector.get("any") else selector.get("matchNames") or [monitor.namespace]


def namespace_labels(whole: Whole, name: str) -> Labels:
    """The labels of a namespace, as far as the stack says them."""
    found = whole.find("Namespace", "", name)
    labels: Labels = mapping(found.manifest["metadata"].get("labels")) if found else {}
    return {"kubernetes.io/metadata.name": name, **labels}


def pod_template(one: KubernetesObject) -> Mapping[str, Any] | None:
    """The pod that a workload makes, or a pod itself: a mapping of `metadata` and `spec`."""
    if one.kind == "Pod":
        return one.manifest
    if one.kind in TEMPLATED:
        return one.manifest["spec"].get("template")
    if one.kind == "CronJob":
        return one.manifest["spec"]["jobTemplate"]["spec"].get("template")
    return None


def containers(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each container of a pod template with its path."""
    for group in ("initContainers", "containers"):
        for container in entries(template["spec"].get(group)):
            yield f"spec.{group}[{container.get('name')}]", container


def _templated(one: KubernetesObject) -> Iterator[PodGroup]:
    template = pod_template(one)
    if template is None:
        return
    ports: dict[str, int] = {}
    for _, container in containers(template):
        for port in entries(container.get("ports")):
            ports[str(port.get("name") or port["containerPort"])] = int(port["containerPort"])
    labels = mapping(mapping(template.get("metadata")).get("labels"))
    yield PodGroup(one, one.namespace, labels, ports, one.manifest["spec"].get("replicas"))


def _service(one: KubernetesObject) -> RenderedService:
    spec = mapping(one.manifest.get("spec"))
    ports = tuple(
        Port(str(port.get("name") or ""), int(port["port"]), port.get("targetPort", port["port"]))
        for port in entries(spec.get("ports"))
    )
    return RenderedService(
        one.namespace, one.name, one.manifest["metadata"].get("labels") or {}, ports, spec.get("selector") or {}
    )
