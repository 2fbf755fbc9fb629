"""What a preview would do, in a form that two previews can be compared by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulumi.automation.events import StepEventMetadata

NOTHING = frozenset({"same", "read", "refresh"})
"""Steps that change nothing in the cluster."""


@dataclass(frozen=True, order=True)
class EngineStep:
    """One step of the engine that changes something."""

    urn: str
    action: str
    """In the engine's words: create, update, replace, delete."""
    paths: tuple[str, ...] = ()
    """The properties that differ; empty where the provider does not say."""

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]

    def told(self) -> str:
        """The operation for people."""
        return f"{self.action} {self.name}" + (f" ({', '.join(self.paths)})" if self.paths else "")


def operation(metadata: StepEventMetadata) -> EngineStep | None:
    """The operation of an event; None for one that changes nothing."""
    action = str(metadata.op.value)
    if action in NOTHING:
        return None
    return EngineStep(metadata.urn, action, tuple(sorted(metadata.detailed_diff or metadata.diffs or ())))


def differences(reviewed: Sequence[EngineStep], now: Sequence[EngineStep]) -> Iterator[str]:
    """What differs between two previews, by what each of them would do."""
    before, after = set(reviewed), set(now)
    yield from (f"no longer: {step.told()}" for step in sorted(before - after))
    yield from (f"not reviewed: {step.told()}" for step in sorted(after - before))
