"""Whose the namespaces and CRDs are that a stack is about to use: two stacks never share them by accident.

One cluster has one stack: Istio's charts want the namespace istio-system and names of the whole cluster.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from base.errors import MeshlabError
from components.namespaces import ADOPTED
from kube.api_objects import mapping
from kube.cluster import Cluster
from kube.helm_marks import helm_owner
from kube.objects import CRDS, NAMESPACES, annotations_of, name_of
from settings.names import OWNER_ANNOTATION

from ..engine.driver import EngineDriver
from ..engine.places import NAMESPACE
from ..engine.state import ReleaseKey, State
from ..recording.recorder import Recorded
from ..recording.releases import RELEASE
from ..session import Session
from ..stackfile.reading import PROJECT

GROUPS = ("monitoring.coreos.com", "istio.io", "kiali.io")
"""API groups, with those below them, whose CRDs a stack brings."""
ELSEWHERE = "work with the state that knows it, or remove the stack from where it was brought up"
ANOTHER_STACK = "one cluster has one stack: use another cluster, or remove the other one first"


def refuse_strangers(session: Session, stack: str) -> None:
    """Raise MeshlabError where a namespace or a CRD of the stack is there and not its own."""
    cluster, resources = Cluster(session.target.kubeconfig), session.driver.recording.resources
    refuse_strange_namespaces(cluster, session.driver, stack)
    me = f"{PROJECT}/{stack}"
    releases = {
        (str(resource.inputs["namespace"]), str(resource.inputs["name"]))
        for resource in resources
        if resource.type == RELEASE
    }
    # Without their schemas, of which a cluster has megabytes; a CRD's name is <plural>.<group>.
    for crd in cluster.metadata(CRDS):
        owner = helm_owner(crd)
        if name_of(crd).partition(".")[2].endswith(GROUPS) and any(owner) and owner not in releases:
            raise MeshlabError(
                f"CRD {name_of(crd)}: belongs to the helm release {'/'.join(owner)}, which is not of {me}; nothing is "
                "taken over",
                "uninstall that release, or give its CRDs to this stack: docs/removing.md",
            )


def refuse_strange_namespaces(cluster: Cluster, driver: EngineDriver, stack: str) -> None:
    """Raise MeshlabError where a namespace of the stack is there and its state has not made it, nor adopted it."""
    wanted, known = StackNamespaces.of(driver.recording.resources), state_namespaces(driver)
    live = {
        name_of(namespace): annotations_of(namespace).get(OWNER_ANNOTATION, "")
        for namespace in cluster.list(NAMESPACES)
    }
    for trouble in strange_namespaces(wanted, known, live, f"{PROJECT}/{stack}"):
        # A provider before 4.29 would take over what is there, and destroy would take it away.
        raise MeshlabError(f"{trouble.text}", f"{trouble.fix}")


def refuse_strange_releases(driver: EngineDriver, stack: str, there: Iterable[tuple[str, str]]) -> None:
    """Raise MeshlabError where the state of the stack has not heard of a release (namespace, name) that is there."""
    state = State({"deployment": driver.deployment})
    known = {
        *state.releases(),
        *(ReleaseKey.of(operation.inputs) for operation in state.operations if operation.type == RELEASE),
    }
    for namespace, name in sorted(there):
        if ReleaseKey(namespace, name) not in known:
            raise MeshlabError(
                f"release {namespace}/{name}: is there already and the state of {PROJECT}/{stack} has not heard of it; "
                f"nothing was changed",
                f"see whose it is: helm history {name} --namespace {namespace}",
            )


@dataclass(frozen=True)
class StackNamespaces:
    """Namespaces of a stack: as its program has them, or as a state says that they are."""

    made: frozenset[str] = frozenset()
    adopted: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """All of them."""
        return self.made | self.adopted

    @classmethod
    def of(cls, resources: Iterable[Recorded]) -> "StackNamespaces":
        """Those of a recorded program."""
        return cls.among((resource.type, resource.inputs) for resource in resources)

    @classmethod
    def among(cls, resources: Iterable[tuple[str, Mapping[str, Any]]]) -> "StackNamespaces":
        """Those among resources, of which the type and the inputs are given."""
        made: set[str] = set()
        adopted: set[str] = set()
        for kind, inputs in resources:
            if kind == NAMESPACE:
                made.add(str(inputs["metadata"]["name"]))
            elif kind == ADOPTED and OWNER_ANNOTATION in mapping(inputs["metadata"].get("annotations")):
                # Without the stack's annotation it is a label on somebody else's namespace of the mesh.
                adopted.add(str(inputs["metadata"]["name"]))
        return cls(frozenset(made), frozenset(adopted))


NONE = StackNamespaces()


@dataclass(frozen=True)
class Trouble:
    """Why a namespace cannot be used as the stack wants it."""

    text: str
    fix: str


def strange_namespaces(
    wanted: StackNamespaces, known: StackNamespaces, live: Mapping[str, str], me: str
) -> Iterator[Trouble]:
    """What stands against the namespaces that a stack wants; `known` are those of its state.

    `live` has the stack that each namespace of the cluster says it belongs to, empty where it says none; `me` is this.
    """
    setting = "cluster.adoptNamespaces"
    for name in sorted(wanted.made & live.keys() - known.made):
        there = f"namespace {name}: is there already and belongs to"
        if name in known.adopted:
            yield Trouble(f"namespace {name}: was adopted, and would be made now", f"name it again in {setting}")
        elif live[name] == me:
            yield Trouble(f"{there} {me} by a state that is not here; nothing is taken over", ELSEWHERE)
        elif live[name]:
            yield Trouble(f"{there} stack {live[name]}, not to {me}; nothing is taken over", ANOTHER_STACK)
        else:
            yield Trouble(
                f"{there} someone else, not to {me}; nothing is taken over",
                f"to use it and leave it to its owner, name it in {setting}; else use another cluster",
            )
    for name in sorted(wanted.adopted - known.adopted):
        if name in known.made:
            yield Trouble(
                f"namespace {name}: this stack has made it; to adopt it would be to delete it first, with all inside",
                f"take it out of {setting}",
            )
        elif name not in live:
            yield Trouble(
                f"namespace {name}: {setting} names it, and it is not there",
                f"make it first, or take it out of {setting}",
            )
        elif live[name] == me:
            yield Trouble(f"namespace {name}: is in use by {me} by a state that is not here", ELSEWHERE)
        elif live[name]:
            yield Trouble(f"namespace {name}: is in use by stack {live[name]}, not to be shared by {me}", ANOTHER_STACK)


def state_namespaces(driver: EngineDriver) -> StackNamespaces:
    """The namespaces of the engine's state; none where it has no state of the stack."""
    return namespaces_in(driver.deployment)


def namespaces_in(deployment: Mapping[str, Any]) -> StackNamespaces:
    """The namespaces of a state, those of operations that never ended included."""
    resources = cast(list[Mapping[str, Any]], deployment.get("resources") or [])
    pending = cast(list[Mapping[str, Any]], deployment.get("pending_operations") or [])
    found = [*resources, *(item["resource"] for item in pending)]
    return StackNamespaces.among((str(item["type"]), mapping(item.get("inputs"))) for item in found)
