"""What recovery does, one kind of step each. A plan is a list of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.locks import Lock
from ..engine.state import PendingOperation, ReleaseKey
from .helm import UNFINISHED_DELETION, WayBack
from .orphans import Orphan


@dataclass(frozen=True)
class EndOrphan:
    """End a helper of the killed engine that still works on the cluster."""

    orphan: Orphan

    def told(self) -> str:
        """The step as one line."""
        return f"end {self.orphan.told()}, whose pulumi is dead"


@dataclass(frozen=True)
class RemoveHalfWritten:
    """Take away a side file of the state that was only half written; the backend does without it."""

    file: Path

    def told(self) -> str:
        """The step as one line."""
        return f"remove {self.file.name}, which was only half written"


@dataclass(frozen=True)
class Uninstall:
    """Remove a release whose install or deletion was never finished."""

    key: ReleaseKey
    status: str

    def told(self) -> str:
        """The step as one line."""
        what = "deletion" if self.status == UNFINISHED_DELETION else "install"
        return f"uninstall release {self.key} ({self.status}: its {what} never finished); CRDs stay"


@dataclass(frozen=True)
class RollBack:
    """Put a release whose upgrade was not finished back to where it stood."""

    key: ReleaseKey
    status: str
    revision: int
    through: tuple[int, ...] = ()
    """Failed revisions to roll back to first, since only a rollback from each takes away what it added."""

    def told(self) -> str:
        """The step as one line."""
        way = f", by way of {', '.join(map(str, self.through))}" if self.through else ""
        return f"roll release {self.key} ({self.status}) back to its revision {self.revision}{way}"


@dataclass(frozen=True)
class KeepFailed:
    """Leave a release whose upgrade was not finished for the next `up` to upgrade, since it cannot go back."""

    key: ReleaseKey
    status: str
    way: WayBack

    def told(self) -> str:
        """The step as one line."""
        crd, versions = next(iter(sorted(self.way.newer.items())))
        more = f" (and {len(self.way.newer) - 1} more CRDs)" if len(self.way.newer) > 1 else ""
        return (
            f"mark release {self.key} ({self.status}) as failed, for up to upgrade it: it cannot go back to its "
            f"revision {self.way.good}, whose {crd} lacks the stored version {', '.join(versions)}{more}"
        )


@dataclass(frozen=True)
class Adopt:
    """Enter into the state what exists and is this stack's."""

    operation: PendingOperation
    resource: Mapping[str, Any]

    def told(self) -> str:
        """The step as one line."""
        return f"enter {self.operation.name} into the state: it exists ({self.resource['id']})"


@dataclass(frozen=True)
class Forget:
    """Take an operation off the state's list of pending ones."""

    operation: PendingOperation
    reason: str

    def told(self) -> str:
        """The step as one line."""
        return f"clear the pending operation on {self.operation.name} ({self.operation.kind}): {self.reason}"


@dataclass(frozen=True)
class Drop:
    """Take a resource out of the state that does not exist any more."""

    urn: str
    reason: str

    def told(self) -> str:
        """The step as one line."""
        return f"take {self.urn.rpartition('::')[2]} out of the state: {self.reason}"


@dataclass(frozen=True)
class Unlock:
    """Remove the lock of a process that is dead."""

    lock: Lock

    def told(self) -> str:
        """The step as one line."""
        return f"remove {self.lock.told()}, which is dead"


Step = EndOrphan | RemoveHalfWritten | Uninstall | RollBack | KeepFailed | Adopt | Forget | Drop | Unlock
