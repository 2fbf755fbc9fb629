"""Takes one stack away, in the order that works, and looks at what is left."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from base.errors import MeshlabError
from base.goyaml.text import from_yaml
from base.say import Say
from kube.api_objects import Manifest
from kube.cluster import Cluster
from kube.objects import CRDS, NAMESPACES, SECRETS, SERVICES, name_of

from ..engine.driver import EngineDriver
from ..engine.outcome import Outcome
from ..ownership.leftovers import Left, custom_objects, left_of
from ..ownership.owned import Ours, is_kubelet_service
from ..ownership.records import records_of
from ..ownership.strangers import state_namespaces
from ..recording.recorder import Recorded
from ..recording.releases import RELEASE
from .crds import described, names_deleted_by_helm, purge, refuse_loss, strangers
from .kiali import LIMIT_SECONDS, remove_kialis

Approve = Callable[[str], bool]


@dataclass(frozen=True)
class Removed:
    """What came of a removal."""

    outcome: Outcome
    left: tuple[Left, ...]
    """What of the stack is still in the cluster."""
    silent: Mapping[str, str] = field(default_factory=dict[str, str])
    """Which groups and kinds could not be asked, and why."""

    @property
    def leftovers(self) -> list[Left]:
        """What is left and should not be."""
        return [leftover for leftover in self.left if leftover.reason is None]


class Removal:
    """One stack on one cluster, about to go."""

    def __init__(self, driver: EngineDriver, stack: str, kubeconfig: Path, say: Say) -> None:
        """Record the program. Raises LabError."""
        self._driver, self._stack, self._say = driver, stack, say
        self._cluster = Cluster(kubeconfig)
        self._resources = driver.recording.resources
        self._ours = Ours.of(self._resources)

    def run(self, *, purge_crds: Approve | None = None, kiali_limit: float = LIMIT_SECONDS) -> Removed:
        """Remove the stack. With `purge_crds`, the CRDs too, once it has agreed to what goes with them.

        Raises MeshlabError before anything is removed where something stands against it, and what the driver raises.
        """
        refuse_protected(self._stack, self._resources)
        known = bool(state_namespaces(self._driver).all)
        if not known:
            self._say(f"no state here knows of stack {self._stack}: its CRDs are all that may go")
            self._refuse_somebody_elses()
        if purge_crds is not None and not purge_crds(self._going_with_crds()):
            raise MeshlabError("nothing is removed: the CRDs were to go with it, and that was declined")
        if known and purge_crds is None:
            refuse_loss(self._cluster, self._ours, self.leaving_crds())
        if known:
            self._driver.begin_down()
            remove_kialis(self._cluster, self._ours, self._say, kiali_limit)
            self._say_what_blocks_namespaces()
        outcome = self._driver.down()
        if known:
            self._sweep()
        if purge_crds is not None:
            purge(self._cluster, self._crds(), self._say)
        left, silent = left_of(self._cluster, self._ours)
        return Removed(outcome, tuple(left), silent)

    def _say_what_blocks_namespaces(self) -> None:
        """Kubernetes ends no namespace while a group does not answer, since it may have objects in there."""
        for api, why in sorted(self._cluster.kinds().silent.items()):
            group, _, version = api.rpartition("/")
            self._say(
                f"could not be asked: {api} ({why}); no namespace is removed until it answers or its APIService "
                f"is deleted: kubectl delete apiservice {version}.{group}"
            )

    def _refuse_somebody_elses(self) -> None:
        there = sorted(
            name
            for namespace in self._cluster.list(NAMESPACES)
            if (name := name_of(namespace)) in self._ours.namespaces
        )
        if there:
            raise MeshlabError(
                f"namespace {', '.join(there)}: is there, and no state here knows of stack {self._stack}; nothing is "
                "removed",
                "remove it from where it was brought up, or with the state that knows it",
            )

    def _crds(self) -> list[Manifest]:
        """The CRDs in the cluster that this stack has brought."""
        return [crd for crd in self._cluster.list(CRDS) if self._ours.mark({"kind": CRDS.kind, **crd})]

    def leaving_crds(self) -> list[str]:
        """CRDs that helm deletes with their release, because neither their chart nor the program keeps them."""
        stay = {
            _name(resource)
            for resource in self._resources
            if resource.type == RELEASE and resource.options.get("retainOnDelete")
        }
        records = records_of(self._cluster.list(SECRETS, labels={"owner": "helm"}))
        own = [record for key, record in records.items() if key in self._ours.releases and record.name not in stay]
        return sorted(name for record in own for name in names_deleted_by_helm(from_yaml(record.manifest)))

    def _going_with_crds(self) -> str:
        """What goes with the CRDs beside this stack's own, for who has to agree."""
        crds = self._crds()
        others = [item for ones in custom_objects(self._cluster, crds).values() for item in ones]
        lost = strangers(self._ours, others)
        what = described(lost) if lost else "no object that is not this stack's"
        return f"with {len(crds)} CRDs goes {what}"

    def _sweep(self) -> None:
        """What was made for the stack outside of its own namespaces, and is taken away from nowhere."""
        retained = {
            (str(resource.inputs["namespace"]), str(resource.inputs["name"]))
            for resource in self._resources
            if resource.type == RELEASE
            and resource.options.get("retainOnDelete")
            and resource.inputs["namespace"] in self._ours.adopted
        }
        # Its objects stay. Its record would have gone with the namespace, and keeps the next `up` from the name.
        for namespace, name in sorted(retained):
            for record in self._cluster.list(SECRETS, namespace, {"owner": "helm", "name": name}):
                self._say(f"  delete  {name_of(record)}, helm's record in the adopted namespace {namespace}")
                self._cluster.delete(SECRETS, record)
        for service in self._cluster.list(SERVICES):
            live = {"kind": SERVICES.kind, **service}
            if is_kubelet_service(live) and self._ours.mark(live):
                self._say(f"  delete  {name_of(service)}, made by the Prometheus operator")
                self._cluster.delete(SERVICES, service)


def refuse_protected(stack: str, resources: Iterable[Recorded]) -> None:
    """Raise MeshlabError where the program protects something: found half-way, the rest would be gone."""
    protected = [resource for resource in resources if resource.options.get("protect")]
    if protected:
        raise MeshlabError(
            f"stack {stack}: {', '.join(map(_name, protected))} are protected from removal",
            "set meshlab:cluster.protectNamespaces to false, run up, then again",
        )


def _name(resource: Recorded) -> str:
    return str((resource.inputs.get("metadata") or resource.inputs)["name"])
