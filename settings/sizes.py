"""Settings for how much a container or a claim gets."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from .problem import Problem, shown
from .section import Section
from .validators import expected, refuse

_UNIT = "(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?"
_UNITS = {
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTP", 1)},
}

Quantity = Annotated[
    str,
    Field(pattern=rf"^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*){_UNIT}$"),
    expected("a Kubernetes quantity such as 500m, 2 or 4Gi"),
]
"""A Kubernetes quantity above 0, without the exponent form that nobody writes by hand."""


def read_amount(quantity: str) -> float:
    """The number that a Kubernetes quantity stands for; raises ValueError for what is none."""
    match = re.fullmatch(rf"([0-9]+(?:\.[0-9]+)?){_UNIT}", quantity)
    if not match:
        raise ValueError(f"expected a Kubernetes quantity, got {quantity!r}")
    return float(match[1]) * _UNITS.get(match[2], 1.0)


class Amounts(Section):
    """Amounts of cpu and memory, as Kubernetes quantities."""

    cpu: Quantity | None = None
    """Cores, such as `500m`."""
    memory: Quantity | None = None
    """Bytes, such as `2Gi`."""


class Resources(Section):
    """Requests and limits of a container."""

    requests: Amounts = Amounts()
    """The amounts that a node must have free for the container."""
    limits: Amounts = Amounts()
    """The most that the container may use: it is throttled above the cpu limit, and killed above the memory limit."""

    @model_validator(mode="after")
    def _requests_fit_limits(self) -> Self:
        refuse(self._over_limits())
        return self

    def _over_limits(self) -> Iterator[Problem]:
        for field in Amounts.model_fields:
            least, most = getattr(self.requests, field), getattr(self.limits, field)
            if least is not None and most is not None and read_amount(least) > read_amount(most):
                yield Problem(("requests", field), f"at most the limit {most}", shown(least))

    @property
    def values(self) -> dict[str, Any]:
        """As Kubernetes and helm charts write it; what is not set is not there."""
        return {key: amounts for key, amounts in self.model_dump(exclude_none=True).items() if amounts}


class Storage(Section):
    """A claim for a volume."""

    size: Quantity
    """Size in bytes, such as `50Gi`."""
    class_name: str | None = None
    """Name of the StorageClass; the cluster's default by default."""

    @property
    def claim(self) -> dict[str, Any]:
        """The claim template of the Prometheus operator's objects."""
        spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": self.size}}}
        return {
            "volumeClaimTemplate": {"spec": spec | ({"storageClassName": self.class_name} if self.class_name else {})}
        }
