"""Settings for how much a container or a claim gets."""

from typing import Annotated, Any

from pydantic import AfterValidator

from . import checks as check
from .section import Section

Quantity = Annotated[str, AfterValidator(check.quantity)]


class Amounts(Section):
    """Amounts of what a container uses, as Kubernetes quantities."""

    cpu: Quantity | None = None
    """Cores, such as `500m`."""
    memory: Quantity | None = None
    """Bytes, such as `2Gi`."""


class Resources(Section):
    """What a container is scheduled by, and what it may not go over."""

    requests: Amounts = Amounts()
    """What a node must have free for it."""
    limits: Amounts = Amounts()
    """Over the CPU it waits, over the memory it is killed."""

    @property
    def values(self) -> dict[str, Any]:
        """As Kubernetes and helm charts write it; what is not set is not there."""
        return {key: amounts for key, amounts in self.model_dump(exclude_none=True).items() if amounts}


class Storage(Section):
    """A claim for a volume."""

    size: Quantity
    """Bytes, such as `50Gi`."""
    class_name: str | None = None
    """Name of the StorageClass; else the cluster's default."""

    @property
    def claim(self) -> dict[str, Any]:
        """The claim template of the Prometheus operator's objects."""
        spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": self.size}}}
        return {
            "volumeClaimTemplate": {"spec": spec | ({"storageClassName": self.class_name} if self.class_name else {})}
        }
