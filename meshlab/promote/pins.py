"""What promotion takes from one stack to the next, as data. Everything else is a stack's own: sizes, storage, access,
which namespaces are in the mesh.

Istio's revisions, tags and default revision are promoted as well. They hang on each other, so that a list of settings
does not say how: istio.py does.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any

from pydantic.alias_generators import to_camel

from settings.alert_rules import AlertThresholds
from settings.models import Settings

ORDER = ("next", "staging", "prod")
"""The stacks in the order in which a change reaches them. Another environment is one more name here and one file.

`dev` is none of them: it keeps the versions of the lab's handbook, which no other stack is to get."""

LOCAL_THRESHOLDS = frozenset({"minimum_requests_per_second"})
"""Thresholds that hang on how much traffic an environment has: each stack has its own."""

ISTIO = "istio"


@dataclass(frozen=True)
class Pin:
    """One setting that promotion takes along."""

    path: tuple[str, ...]
    """From the section on, in the names that settings/models.py has for it."""
    version: bool = False
    """Whether it is a version, which promotion never lowers."""

    @property
    def key(self) -> tuple[str, ...]:
        """The path as the stack file writes it."""
        return tuple(map(to_camel, self.path))

    def value(self, settings: Settings) -> Any:
        """The value in force, given or default."""
        return reduce(getattr, self.path, settings)


PINS: tuple[Pin, ...] = (
    Pin(("envoy_demo", "scenario")),
    Pin(("monitoring", "version"), version=True),
    Pin(("monitoring", "crds_version"), version=True),
    *(
        Pin(("mesh_monitors", "thresholds", name))
        for name in AlertThresholds.model_fields
        if name not in LOCAL_THRESHOLDS
    ),
    Pin(("kiali", "version"), version=True),
)

SECTIONS = tuple(dict.fromkeys([ISTIO, *(pin.key[0] for pin in PINS)]))
"""The sections of a stack file that have something to promote."""
