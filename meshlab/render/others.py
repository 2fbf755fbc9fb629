"""What a program declares beside Kubernetes objects and releases: its providers, generated passwords."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..recording.recorder import Recorded
from ..recording.releases import RELEASE, former_names

KUBERNETES_PROVIDER = "pulumi:providers:kubernetes"


@dataclass(frozen=True)
class Other:
    """A resource that is nothing in the cluster, and on which something in the cluster hangs all the same."""

    resource: str
    """Logical name."""
    type: str
    """Pulumi's type token."""
    inputs: Mapping[str, Any]
    """Secrets masked."""
    former: tuple[str, ...] = ()
    """Logical names that it had before, by aliases."""

    @property
    def label(self) -> str:
        """How people refer to it: `RandomPassword monitoring-grafana-password`."""
        provider = self.type.startswith("pulumi:providers:")
        return f"{'Provider' if provider else self.type.rpartition(':')[2]} {self.resource}"


def is_object(resource: Recorded) -> bool:
    """Whether a resource is one Kubernetes object, or a patch of one."""
    return resource.custom and resource.type.startswith("kubernetes:") and resource.type != RELEASE


def others_of(resources: Iterable[Recorded]) -> tuple[Other, ...]:
    """Custom resources that are neither Kubernetes objects nor releases, by name."""
    listed = list(resources)
    by_urn = {resource.urn: resource for resource in listed}
    found = [
        Other(recorded.name, recorded.type, recorded.inputs, former_names(recorded, by_urn))
        for recorded in listed
        if recorded.custom and recorded.type != RELEASE and not is_object(recorded)
    ]
    return tuple(sorted(found, key=lambda one: (one.resource, one.type)))
