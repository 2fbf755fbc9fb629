"""Looks through a whole cluster for what is left of a stack: what is kept, and what nobody can explain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from base.wording import counted
from kube.api_objects import Manifest
from kube.cluster import Cluster
from kube.discovery import Silent
from kube.objects import name_of

from .owned import CRD, Ours
from .retained import Reason, reason_to_stay

# What the cluster makes and renews by itself, and what is a view of other objects.
PASSING = frozenset({"Event", "Lease", "ComponentStatus", "Node", "CSINode", "APIService", "Endpoints"})


@dataclass(frozen=True)
class Left:
    """One object that is still there."""

    manifest: Manifest
    mark: str
    """By what it is the stack's."""
    reason: Reason | None
    """Why it is kept; None for a leftover."""

    @property
    def label(self) -> str:
        """How people refer to it."""
        namespace = self.manifest["metadata"].get("namespace")
        name = name_of(self.manifest)
        return f"{self.manifest['kind']} {namespace}/{name}" if namespace else f"{self.manifest['kind']} {name}"

    @property
    def command(self) -> str:
        """What takes a leftover away."""
        namespace = self.manifest["metadata"].get("namespace")
        where = f" --namespace {namespace}" if namespace else ""
        group = str(self.manifest["apiVersion"]).rpartition("/")[0]
        kind = str(self.manifest["kind"]).lower() + (f".{group}" if group else "")
        return f"kubectl delete {kind} {name_of(self.manifest)}{where}"


def left_of(cluster: Cluster, ours: Ours) -> tuple[list[Left], Silent]:
    """Everything of a stack that a cluster still has, and what could not be asked. Raises AccessError."""
    kinds = cluster.kinds()
    looked, silent = [kind for kind in kinds.listable() if kind.resource.kind not in PASSING], dict(kinds.silent)
    found: list[Left] = []
    for items in cluster.everything(looked, silent).values():
        for live in items:
            mark = ours.mark(live)
            if mark and not live["metadata"].get("ownerReferences"):
                adopted = ours.adopts(live)
                found.append(Left(live, mark, reason_to_stay(live, adopted=adopted)))
    return sorted(found, key=lambda one: one.label), silent


def custom_objects(cluster: Cluster, crds: Sequence[Manifest]) -> Mapping[str, list[Manifest]]:
    """The custom objects by the name of their CRD. Raises AccessError."""
    kinds = cluster.kinds()
    found: dict[str, list[Manifest]] = {}
    for crd in crds:
        group, names = crd["spec"]["group"], crd["spec"]["names"]
        kind = next(
            (
                kind
                for kind in kinds.listable()
                if kind.resource.plural == names["plural"] and kind.resource.api.startswith(f"{group}/")
            ),
            None,
        )
        found[name_of(crd)] = [] if kind is None else list(cluster.everything([kind])[kind])
    return found


def lines(found: Sequence[Left], silent: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report: what is kept, by why, then each leftover, and what could not be looked at."""
    kept: dict[Reason, list[Left]] = {}
    for leftover in found:
        if leftover.reason is not None:
            kept.setdefault(leftover.reason, []).append(leftover)
    for reason, ones in kept.items():
        yield f"kept, {reason.why}; to remove: {reason.command}"
        for line in _grouped(ones):
            yield f"  {line}"
    leftovers = [leftover for leftover in found if leftover.reason is None]
    for leftover in leftovers:
        yield f"left over: {leftover.label} ({leftover.mark}); to remove: {leftover.command}"
    for what, why in sorted((silent or {}).items()):
        yield f"could not be asked: {what} ({why}); what is left of its kinds is unknown"
    yield f"{counted(len(found) - len(leftovers), 'object')} kept on purpose, {len(leftovers)} left over"


def _grouped(ones: Sequence[Left]) -> Iterator[str]:
    """CRDs one line a group, anything else one line each."""
    groups: dict[str, list[str]] = {}
    for leftover in ones:
        if leftover.manifest["kind"] == CRD:
            plural, _, group = name_of(leftover.manifest).partition(".")
            groups.setdefault(group, []).append(plural)
        else:
            yield leftover.label
    for group, plurals in groups.items():
        yield f"{group}: {', '.join(plurals)}"
