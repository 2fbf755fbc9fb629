"""Where images come from: the public registries, or mirrors that have them under the same paths."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from base.assets import Manifest


@dataclass(frozen=True)
class Images:
    """The images of one cluster."""

    registry: str | None = None
    """The mirror, as `registry.example:5000/mirror`; None for the public registries."""
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    """`sha256:...` by image as a manifest has it."""
    registries: Mapping[str, str] = field(default_factory=dict[str, str])
    """The mirror of one registry, as `mirror.example/hub` for `docker.io`; goes before `registry`."""

    def mirror_of(self, upstream: str) -> str | None:
        """Where the images of a registry are; None where they come from itself."""
        return self.registries.get(upstream, self.registry)

    def is_mirrored(self, image: str) -> bool:
        """Whether an image, which names its registry, comes from somewhere else."""
        return self.mirror_of(image.partition("/")[0]) is not None

    def of(self, image: str) -> str:
        """The image to pull for `image`, which names its registry, as `docker.io/library/alpine:3.22`."""
        digest = self.digests.get(image)
        pinned = f"{image}@{digest}" if digest else image
        upstream, _, path = pinned.partition("/")
        return f"{self.mirror_of(upstream) or upstream}/{path}"

    def within(self, manifest: Manifest) -> Manifest:
        """A copy of `manifest` whose containers, if it has pods, pull what this cluster is to pull."""
        changed = copy.deepcopy(manifest)
        if changed["kind"] == "Deployment":
            pods = changed["spec"]["template"]["spec"]
            for container in (*pods["containers"], *pods.get("initContainers", ())):
                container["image"] = self.of(container["image"])
        return changed
