"""Checks objects of the cluster against what the stack's program declares."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from kube.api_objects import Manifest
from kube.objects import name_of, resource_of

from ..results.outcome import Seen
from .check import Context
from .objects import available, fetched, require_same


def as_declared(context: Context, declared: Manifest) -> Manifest:
    """The live object that the program declares; Failed where it is not there, or is something else."""
    metadata = declared["metadata"]
    live = fetched(context.cluster, resource_of(declared), str(metadata["name"]), str(metadata.get("namespace") or ""))
    # The API server leaves kind and apiVersion out of what it lists.
    require_same(declared, {**live, "kind": declared["kind"], "apiVersion": declared["apiVersion"]})
    return live


def workload(context: Context, manifests: Sequence[Manifest], namespace: str) -> Seen:
    """Everything that a file of the lab declares is there as the program has it, and its Deployments are rolled out."""
    seen: list[str] = []
    for manifest in manifests:
        kind, name = str(manifest["kind"]), name_of(manifest)
        live = as_declared(context, context.program.one(kind, name, namespace))
        if kind == "Service":
            ports = [f"{port['port']} -> {port.get('targetPort', port['port'])}" for port in live["spec"]["ports"]]
            seen.append(f"Service {', '.join(ports)}")
        elif kind == "Deployment":
            seen.append(f"Deployment {name}, {available(context.cluster, live)} ready")
        else:
            seen.append(kind)
    return Seen(", ".join(seen))


def components(context: Context, names: Iterable[str], seen_elsewhere: Callable[[Manifest], bool]) -> Seen:
    """Everything that components declare themselves is there as declared; what other checks look at is left to them."""
    declared = [
        manifest for name in names for manifest in context.program.of_component(name) if not seen_elsewhere(manifest)
    ]
    for manifest in declared:
        as_declared(context, manifest)
    kinds = Counter(str(manifest["kind"]) for manifest in declared)
    return Seen(
        f"{len(declared)} objects",
        tuple(f"{count} {kind}" for kind, count in sorted(kinds.items())),
    )
