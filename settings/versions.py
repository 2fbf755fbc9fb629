"""Versions that must move together, as data.

The stack files choose versions; this table says which of them fit each other, with the rule for extending it.
Which CRDs belong to a kube-prometheus-stack is operator_crds.py's.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

# Istio's minor version -> the first and the last minor version of Kubernetes that it supports. To extend it, add one
# line for each new minor version of Istio: its release announcement, and the table "Support status of Istio releases"
# on istio.io, say which versions it is officially supported on. What is tested, but not supported, does not count.
ISTIO_KUBERNETES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "1.17": ("1.23", "1.26"),
        "1.18": ("1.24", "1.27"),
        "1.19": ("1.25", "1.28"),
        "1.20": ("1.25", "1.29"),
        "1.21": ("1.26", "1.29"),
        "1.22": ("1.27", "1.30"),
        "1.23": ("1.27", "1.30"),
        "1.24": ("1.28", "1.31"),
        "1.25": ("1.29", "1.32"),
        "1.26": ("1.29", "1.33"),
        "1.27": ("1.29", "1.33"),
        "1.28": ("1.30", "1.34"),
        "1.29": ("1.31", "1.35"),
        "1.30": ("1.32", "1.36"),
        "1.31": ("1.32", "1.36"),
    }
)


# Kiali's major version from which on it calls the addresses of Grafana and of tracing by other names, and those names:
# before, and since. Of two names for one address nobody can say which decides.
KIALI_RENAMED_IN = 2
KIALI_ADDRESSES = (("in_cluster_url", "internal_url"), ("url", "external_url"))


def minor(version: str) -> str:
    """The minor version that an exact one belongs to: `1.17` of `1.17.6`, or of `v1.17.6+build`."""
    major, minor_number, *_ = version.removeprefix("v").split(".")
    return f"{major}.{minor_number.rstrip('+')}"


def supports(istio: str, kubernetes: str) -> bool:
    """Whether the table has an Istio version that supports a Kubernetes version, both exact or minor."""
    bounds = ISTIO_KUBERNETES.get(minor(istio))
    return bounds is not None and _order(bounds[0]) <= _order(kubernetes) <= _order(bounds[1])


def istios_for(kubernetes: str) -> list[str]:
    """The minor versions of Istio that support a Kubernetes version, the oldest first."""
    return [istio for istio in ISTIO_KUBERNETES if supports(istio, kubernetes)]


def newest_for(istios: Iterable[str], kubernetes: Iterable[str]) -> str | None:
    """The newest of some minor versions of Kubernetes that all of these Istio versions support; None where none is."""
    versions = list(istios)
    fitting = [finding for finding in kubernetes if all(supports(istio, finding) for istio in versions)]
    return max(fitting, key=_order, default=None)


def _order(version: str) -> tuple[int, int]:
    major, minor_number = minor(version).split(".")
    return int(major), int(minor_number)


def parse_version(version: str) -> tuple[int, int, int]:
    """Return major, minor and patch of an exact version such as `1.17.6`; what follows a dash or plus is left out.

    Raises ValueError where `version` is not of that form.
    """
    major, minor, patch = version.split("-")[0].split("+")[0].split(".")
    return int(major), int(minor), int(patch)
