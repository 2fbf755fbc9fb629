"""Versions that must move together, as data.

The stack files choose versions; this table says which of them fit each other. To extend it, add one line for each new
chart version: the operator's version stands as `appVersion` in the Chart.yaml of both charts of the same repository,
and a pair fits when it is the same.
"""

from collections.abc import Mapping
from types import MappingProxyType

# kube-prometheus-stack -> prometheus-operator-crds: the CRD chart that carries the very operator version of the stack.
OPERATOR_CRDS: Mapping[str, str] = MappingProxyType(
    {
        "42.2.1": "0.1.0",  # operator 0.60.1
        # renovate: datasource=helm depName=kube-prometheus-stack registryUrl=https://prometheus-community.github.io/helm-charts
        "88.5.3": "31.0.1",  # operator 0.93.1
    }
)


def parse_version(version: str) -> tuple[int, int, int]:
    """Return major, minor and patch of an exact version such as `1.17.6`; what follows a dash or plus is left out.

    Raises ValueError where `version` is not of that form.
    """
    major, minor, patch = version.split("-")[0].split("+")[0].split(".")
    return int(major), int(minor), int(patch)
