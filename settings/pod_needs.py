"""What a cluster asks of each pod: Secrets to pull its images with, and taints of nodes that it has to tolerate."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from base.assets import Manifest

from .section import Section
from .sizes import Resources


class Toleration(Section):
    """A toleration, as in a pod spec."""

    key: str | None = None
    """Key of the taint. Without a key, and with `operator: Exists`, every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """How `value` is compared; Equal by default, as in Kubernetes."""
    value: str | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; every effect by default."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """Seconds that a pod may stay on a node with a taint of effect NoExecute."""


@dataclass(frozen=True)
class PodNeeds:
    """What the pods of one cluster need, in the form that manifests and charts take."""

    pull_secrets: Sequence[str] = ()
    """Names of Secrets, in the namespace of each pod."""
    tolerations: Sequence[Mapping[str, Any]] = field(default_factory=tuple[Mapping[str, Any], ...])

    @property
    def secret_references(self) -> list[dict[str, str]]:
        """The Secrets as a pod names them."""
        return [{"name": name} for name in self.pull_secrets]

    def tolerated(self) -> list[dict[str, Any]]:
        """The tolerations, as a list of one's own."""
        return [dict(toleration) for toleration in self.tolerations]

    def within(self, manifest: Manifest, resources: Resources | None = None) -> Manifest:
        """A copy of `manifest` whose pods, if it has any, have all that; `resources` stand for those of the manifest,
        in each container."""
        changed = copy.deepcopy(manifest)
        if changed["kind"] != "Deployment":
            return changed
        pods = changed["spec"]["template"]["spec"]
        if self.pull_secrets:
            pods["imagePullSecrets"] = self.secret_references
        if self.tolerations:
            pods["tolerations"] = self.tolerated()
        if resources is not None:
            for container in pods["containers"]:
                container["resources"] = resources.values
        return changed
