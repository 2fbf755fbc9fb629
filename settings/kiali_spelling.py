"""What Kiali calls the addresses of Grafana and of tracing: it depends on its version."""

from collections.abc import Iterator, Mapping
from typing import Any

from .helm_values import mapping_at
from .problem import Problem
from .versions import KIALI_ADDRESSES, KIALI_RENAMED_IN, parse_version

SERVICES = "external_services"


def addresses_of_another_version(version: str, spec: Mapping[str, Any]) -> Iterator[Problem]:
    """The fields of a Kiali object's spec that this version calls otherwise."""
    wrong, right = (0, 1) if parse_version(version)[0] >= KIALI_RENAMED_IN else (1, 0)
    for service in ("grafana", "tracing"):
        fields = mapping_at(spec, SERVICES, service)
        for names in KIALI_ADDRESSES:
            if names[wrong] in fields:
                path = (SERVICES, service, names[wrong])
                yield Problem(path, f"{names[right]}, as Kiali {version} calls it", "its name in another version")
