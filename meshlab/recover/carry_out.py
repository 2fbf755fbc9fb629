"""Carries a plan out, in the order that is safe to be killed in again: the dead run's lock goes last but one."""

from collections.abc import Sequence

from base.say import Say

from ..engine.state import State
from ..engine.state_backend import StackBackend
from .helm import HelmRepair
from .steps import Adopt, Drop, EndOrphan, Forget, KeepFailed, RemoveHalfWritten, RollBack, Step, Uninstall, Unlock


def carry_out(steps: Sequence[Step], helm: HelmRepair, backend: StackBackend, state: State | None, say: Say) -> None:
    """Do what `steps` say. While the cluster is put right, the dead run's lock keeps every other run out.

    Each step can be repeated, so a recovery that was itself interrupted is finished by the next one.
    """
    for step in steps:
        match step:
            case EndOrphan(orphan):
                orphan.end()
            case RemoveHalfWritten(file):
                file.unlink(missing_ok=True)
            case Uninstall(key):
                helm.uninstall(key)
            case RollBack(key, _, revision, through):
                for number in (*through, revision):
                    helm.rollback(key, number)
            case KeepFailed(key, _, way):
                helm.keep_failed(key, way.good)
            case Adopt(operation, resource) if state is not None:
                state.adopt(resource)
                state.forget(operation)
            case Forget(operation) if state is not None:
                state.forget(operation)
            case Drop(urn) if state is not None:
                state.drop(urn)
            case _:
                continue
        say(f"  {step.told()}")
    for step in steps:
        if isinstance(step, Unlock):
            step.lock.remove()
            say(f"  {step.told()}")
    if state is not None and state.edited:
        # The import takes the lock itself, so the dead one had to go before it.
        backend.import_(state.document)
