"""What a cluster has that `up` would wait for in vain, or stop at: each with the object that is in the way."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from kube.api_objects import Manifest, MissingError, Resource, entries, mapping
from kube.cluster import Cluster
from kube.objects import NAMESPACES, NODES, PODS, name_of

from ..comparison.declared import parse_quantity
from ..comparison.ignore_rules import OWNERS
from ..engine.reasons import WORKLOADS, held
from ..preflight.finding import Finding, Level
from .plan import Demands, node_ports

QUOTAS = Resource("v1", "resourcequotas", "ResourceQuota")
PODS_OF_QUOTAS = ("pods", "count/pods")


def blockers(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    """Namespaces on their way out, quotas without room, node ports in use, fields that somebody else manages."""
    checks: list[Callable[[Cluster, Demands], Iterator[Finding]]] = [_namespaces, _quotas, _ports, _conflicts]
    found = [finding for check in checks for finding in check(cluster, plan)]
    yield from found
    if not found:
        yield Finding("in the way", Level.OK, "no namespace on its way out, quota, node port or field manager")


def _namespaces(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    for namespace in cluster.list(NAMESPACES):
        if name_of(namespace) in plan.namespaces and "deletionTimestamp" in namespace["metadata"]:
            why = "\n".join(held(namespace)) or "Kubernetes has not said yet what holds it"
            text = f"Namespace {name_of(namespace)} is being deleted, and nothing new can be made in it\n{why}"
            yield Finding("namespaces", Level.PROBLEM, text, "fix what holds it: it goes by itself then")


def _quotas(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    quotas = [quota for quota in cluster.list(QUOTAS) if quota["metadata"]["namespace"] in plan.namespaces]
    if not quotas:
        return
    nodes = len(cluster.list(NODES))
    there = {
        (resource.kind, str(item["metadata"]["namespace"]), name_of(item))
        for resource in WORKLOADS
        for item in cluster.list(resource)
    }
    for quota in quotas:
        namespace, status = quota["metadata"]["namespace"], mapping(quota.get("status"))
        missing = [pod for pod in plan.pods if pod.namespace == namespace and pod.identity not in there]
        wanted = sum(nodes if pods.kind == "DaemonSet" else pods.replicas for pods in missing)
        for key, hard in mapping(status.get("hard")).items():
            used = mapping(status.get("used")).get(key, "0")
            more = wanted if key in PODS_OF_QUOTAS else 0
            label = f"ResourceQuota {namespace}/{name_of(quota)}: {key}: {used} of {hard} used"
            if parse_quantity(used) + more > parse_quantity(hard):
                text = f"{label}, and the plan has {more} more to bring"
                yield Finding("quota", Level.PROBLEM, text, "have it raised, or make room in the namespace")
            elif parse_quantity(used) >= parse_quantity(hard):
                text = f"{label}: a pod that rolls needs room for one more"
                yield Finding("quota", Level.WARNING, text, "have it raised, or make room in the namespace")


def _ports(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    if not plan.host_ports:
        return
    users: dict[int, set[str]] = {}
    ours = {(namespace, name) for namespace, name, _ in plan.host_ports}
    for pod in cluster.list(PODS):
        namespace = str(pod["metadata"]["namespace"])
        owner = next((str(owner["name"]) for owner in entries(pod["metadata"].get("ownerReferences"))), name_of(pod))
        if (namespace, owner) not in ours:
            for port in node_ports(mapping(pod["spec"])):
                users.setdefault(port, set()).add(f"{namespace}/{owner}")
    for namespace, name, port in plan.host_ports:
        if port in users:
            text = f"port {port} of the nodes is taken by {', '.join(sorted(users[port]))}; {namespace}/{name} wants it"
            fix = "give either another port, or leave ours out (monitoring.values: nodeExporter.enabled: false)"
            yield Finding("node ports", Level.PROBLEM, text, fix)


def _conflicts(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    kinds = cluster.kinds()
    for manifest in plan.patches:
        kind = kinds.of(str(manifest["apiVersion"]), str(manifest["kind"]))
        told = _conflict(cluster, kind.resource, manifest) if kind is not None else ""
        managers = re.findall(r'conflict with "([^"]+)"', told)
        # The tools of the stack itself are no strangers: the engine changes what it has set.
        if any(not any(fnmatchcase(name, pattern) for pattern in OWNERS) for name in managers):
            text = f"{manifest['kind']} {name_of(manifest)}: {told}"
            fix = "have that manager give the field up, or take it out of the stack's settings"
            yield Finding("field managers", Level.PROBLEM, text, fix)


def _conflict(cluster: Cluster, resource: Resource, manifest: Manifest) -> str:
    try:
        return cluster.conflict(resource, manifest)
    except MissingError:
        return ""
