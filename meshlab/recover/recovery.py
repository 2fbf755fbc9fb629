"""Looks at everything that a killed run may have left of one stack, and makes the plan."""

from dataclasses import dataclass
from functools import partial

from kube.cluster import Cluster

from ..engine.locks import Holder, Lock, began
from ..engine.state import State
from ..engine.state_backend import StackBackend
from ..target import LabError
from .helm import HelmRelease, HelmRepair
from .live import look_up
from .orphans import orphans_of
from .plan import RecoveryFacts, foreign, steps_for
from .steps import EndOrphan, RemoveHalfWritten, Step, Unlock


@dataclass(frozen=True)
class Recovery:
    """What has to be done, and what was seen besides."""

    steps: tuple[Step, ...]
    state: State | None
    others: tuple[HelmRelease, ...] = ()
    """Unfinished releases that are not this stack's."""
    complete: bool = True
    """False where the rest only shows once these steps are done."""


def look(backend: StackBackend, helm: HelmRepair, cluster: Cluster, gone: bool) -> Recovery:
    """The plan for a stack on the engine. Raises LabError where somebody is at work on it.

    `gone` says that whoever took a lock from elsewhere is known to be gone.
    """
    locks = backend.locks()
    _refuse_to_disturb(locks, gone)
    orphans = [EndOrphan(orphan) for orphan in orphans_of(backend.url)]
    broken = [RemoveHalfWritten(file) for file in backend.half_written()]
    if orphans or broken:
        # What an orphan has still in hand changes under our eyes, and an unreadable state shows nothing.
        return Recovery((*orphans, *broken), None, complete=False)
    state = State(backend.export())
    found = RecoveryFacts(
        state=state,
        releases=helm.releases(),
        since=began(locks),
        look=partial(look_up, cluster),
        values=helm.values,
        way_back=helm.way_back,
    )
    unlock = [Unlock(lock) for lock in locks]
    return Recovery((*steps_for(found), *unlock), state, tuple(foreign(found)))


def _refuse_to_disturb(locks: list[Lock], gone: bool) -> None:
    holders = {lock: lock.holder() for lock in locks}
    for lock, holder in holders.items():
        if holder is Holder.LIVING:
            raise LabError(f"a run is going on: {lock.told()}; nothing was changed", "wait for it, or end that process")
    for lock, holder in holders.items():
        if holder is Holder.ELSEWHERE and not gone:
            raise LabError(
                f"{lock.told()} on another machine or in another container, which cannot be looked at from here; "
                "nothing was changed",
                "run this there, or, once that one is gone: meshlab recover --holder-is-gone",
            )
