"""Checks of single values in a stack file. Each returns the value, or raises ValueError(`expected ...`)."""

import re

from .names import STACK_CHART, STACK_NAME_LIMIT, RevisionNames

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_EXACT_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
# The pattern of prometheus-operator's CRDs, which is Prometheus' own: units from large to small, each at most once.
_DURATION = re.compile(r"((\d+)y)?((\d+)w)?((\d+)d)?((\d+)h)?((\d+)m)?((\d+)s)?((\d+)ms)?")
# Kubernetes' quantities, without the exponent form that nobody writes by hand.
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_UNITS = {
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTP", 1)},
}
_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?(/[a-z0-9][a-z0-9._-]*)*")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

OBJECT_NAME_LIMIT = 253
"""Characters that Kubernetes allows in the name of an object."""
HELM_RELEASE_LIMIT = 53
"""Characters that helm allows in a release name."""


def dns_label(value: str) -> str:
    """Kubernetes' rule for names of namespaces and for label values that become names (RFC 1123)."""
    if not _DNS_LABEL.fullmatch(value):
        raise ValueError("expected a DNS label (a-z, 0-9 and '-', at most 63 characters)")
    return value


def object_name(value: str) -> str:
    """Kubernetes' rule for names of most objects (a DNS subdomain)."""
    if len(value) > OBJECT_NAME_LIMIT or not all(_DNS_LABEL.fullmatch(part) for part in value.split(".")):
        raise ValueError("expected the name of an object (a-z, 0-9, '-' and '.', at most 253 characters)")
    return value


def revision(value: str) -> str:
    """An Istio revision: a DNS label, and short enough for the release `istiod-<revision>`."""
    dns_label(value)
    release = RevisionNames(value).istiod
    if len(release) > HELM_RELEASE_LIMIT:
        raise ValueError(
            f"expected a revision of at most {HELM_RELEASE_LIMIT - len(release) + len(value)} characters "
            f"(helm's release names, here istiod-<revision>, end at {HELM_RELEASE_LIMIT})"
        )
    return value


def stack_release(value: str) -> str:
    """A release name for kube-prometheus-stack under which the chart derives the names that names.py computes."""
    dns_label(value)
    if STACK_CHART in value:
        raise ValueError(f"expected a release name without {STACK_CHART} in it (the chart would not add it then)")
    longest = STACK_NAME_LIMIT - len(STACK_CHART) - 1
    if len(value) > longest:
        raise ValueError(
            f"expected a release name of at most {longest} characters "
            f"(the chart cuts <release>-{STACK_CHART} after {STACK_NAME_LIMIT})"
        )
    return value


def exact_version(value: str) -> str:
    """One version, not a range: helm takes `1.59` for any 1.59.x."""
    if not _EXACT_VERSION.fullmatch(value):
        raise ValueError("expected an exact version such as 1.17.6")
    return value


def duration(value: str) -> str:
    """A Prometheus duration longer than nothing."""
    match = _DURATION.fullmatch(value)
    if not value or not match or not any(int(digits) for digits in re.findall(r"\d+", value)):
        raise ValueError("expected a Prometheus duration such as 15s, 1h30m or 10d")
    return value


def quantity(value: str) -> str:
    """A Kubernetes quantity above 0."""
    match = _QUANTITY.fullmatch(value)
    if not match or not float(match[1]):
        raise ValueError("expected a Kubernetes quantity such as 500m, 2 or 4Gi")
    return value


def amount(value: str) -> float:
    """The number that a Kubernetes quantity stands for; raises ValueError for what is none."""
    match = _QUANTITY.fullmatch(value)
    if not match:
        raise ValueError("expected a Kubernetes quantity such as 500m, 2 or 4Gi")
    return float(match[1]) * _UNITS.get(match[2], 1.0)


def image_registry(value: str) -> str:
    """A registry, with a path where it has one, and neither a scheme before nor a slash behind it."""
    host = value.partition("/")[0]
    if not _REGISTRY.fullmatch(value) or not ("." in host or ":" in host or host == "localhost"):
        raise ValueError("expected a registry such as registry.example:5000/mirror, without https:// and final slash")
    return value


def registry_host(value: str) -> str:
    """A registry without a path, as images name it."""
    if "/" in value:
        raise ValueError("expected a registry as images name it, such as quay.io, without a path")
    return image_registry(value)


def minor_version(value: str) -> str:
    """A minor version, as Kubernetes' releases are called."""
    if not re.fullmatch(r"\d+\.\d+", value):
        raise ValueError("expected a minor version such as 1.34")
    return value


def object_uid(value: str) -> str:
    """The UID that the API server gives an object."""
    if not _UID.fullmatch(value):
        raise ValueError("expected a UID such as 74825f05-292d-4822-aca3-da46fb635f91")
    return value


def digest(value: str) -> str:
    """The digest of an image's index."""
    if not _DIGEST.fullmatch(value):
        raise ValueError("expected a digest, sha256: and 64 hexadecimal digits")
    return value
