"""What drift reports: one finding an object, with every field that differs."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kube.fields import Path, Steps


class What(StrEnum):
    """How an object differs from what the stack stands for."""

    EDITED = "edited"
    DELETED = "deleted"
    EXTRA = "extra"


@dataclass(frozen=True)
class Difference:
    """One field that is not as the stack has it."""

    path: str
    live: Any
    """What the cluster has; None where it has nothing there."""
    wanted: Any
    """What the stack says; None where it says nothing."""
    by: str = ""
    """Who wrote the field and when, as far as the API server knows."""
    declared: bool = True
    """False for a field that the stack says nothing of: what owns the object leaves such a field as it is."""
    pointer: str = ""
    """JSON pointer to the field, where it is not declared."""
    steps: Steps = field(default=(), compare=False)
    """The path step by step; empty where it is no field of an object."""

    @property
    def line(self) -> str:
        """The field, what it is and what it should be."""
        author = f" ({self.by})" if self.by else ""
        return f"{self.path}: {short(self.live)}, expected {short(self.wanted)}{author}"


@dataclass(frozen=True)
class DriftFinding:
    """One object that is not as the stack has it."""

    what: What
    api: str
    kind: str
    namespace: str
    name: str
    component: str
    release: str = ""
    """The helm release that it belongs to; empty for what the program declares itself."""
    resource: str = ""
    """Logical name of the Pulumi resource, or of the release's."""
    note: str = ""
    refused: bool = False
    """Whether the API server refuses to apply over it what the stack says."""
    differences: tuple[Difference, ...] = ()
    declared: frozenset[Path] = field(default=frozenset(), compare=False, repr=False)
    """The fields that the stack says something of, where the object is there."""
    live: Any = field(default=None, compare=False, repr=False)
    """The object as it was seen; None where it is deleted."""
    target: Any = field(default=None, compare=False, repr=False)
    """Where some of it is ignored: the object as it should be, with that as it is. None where nothing is."""

    @property
    def label(self) -> str:
        """How people refer to the object: `Deployment prometheus/prom-grafana`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def owner(self) -> str:
        """Who puts it there: `release prom`, or `program`."""
        return f"release {self.release}" if self.release else "program"

    def json(self) -> dict[str, Any]:
        """As `--json` writes it."""
        entry: dict[str, Any] = {
            "what": str(self.what),
            "apiVersion": self.api,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "component": self.component,
            "owner": self.owner,
            "note": self.note,
            "differences": [
                {"path": difference.path, "live": difference.live, "wanted": difference.wanted, "by": difference.by}
                for difference in self.differences
            ],
        }
        return {key: value for key, value in entry.items() if value not in ("", [])}


@dataclass(frozen=True)
class Ignored:
    """What would be a finding, or part of one, but for a rule of the stack."""

    rule: int
    """The rule's place in drift.ignore, from 0."""
    reason: str
    finding: DriftFinding

    @property
    def where(self) -> str:
        """The rule as the stack file has it."""
        return f"drift.ignore[{self.rule}]"

    def json(self) -> dict[str, Any]:
        """As `--json` writes it."""
        return {**self.finding.json(), "rule": self.where, "reason": self.reason}


def short(value: object) -> str:
    """A value in a line."""
    if value is None:
        return "nothing"
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
