"""One place where a rendered stack does not fit together."""

from dataclasses import dataclass

from ..render.objects import KubernetesObject


@dataclass(frozen=True)
class Inconsistency:
    """What one object says, and what the others do not have of it."""

    about: str
    """What kind of thing is wrong, such as `Service`: equal for findings that one value may cause together."""
    subject: KubernetesObject
    where: str
    """The field, from the top of the object."""
    expected: str
    got: str
    names: str = ""
    """What the object calls the thing that is not there; a stack whose own values say it word for word has it from
    somewhere else."""

    @property
    def text(self) -> str:
        """What is wrong, in one line, without the object's label."""
        return f"{self.where}: expected {self.expected}, got {self.got}"
