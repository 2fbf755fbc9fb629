"""Kinds of text in a stack file: constraints of pydantic, each with the words that a message has for it."""

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from .names import STACK_CHART, STACK_NAME_LIMIT, RevisionNames
from .validators import expected

OBJECT_NAME_LIMIT = 253
"""Characters that Kubernetes allows in the name of an object."""
HELM_RELEASE_LIMIT = 53
"""Characters that helm allows in a release name."""
REVISION_LIMIT = HELM_RELEASE_LIMIT - len(RevisionNames("").istiod)
STACK_RELEASE_LIMIT = STACK_NAME_LIMIT - len(f"-{STACK_CHART}")

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# A registry is told from the first part of a path by a dot or a port. Only localhost needs neither.
_HOST = r"([a-z0-9][a-z0-9-]*\.([a-z0-9.-]*[a-z0-9])(:[0-9]+)?|[a-z0-9]([a-z0-9-]*[a-z0-9])?:[0-9]+|localhost)"

DnsLabel = Annotated[
    str,
    Field(pattern=f"^{_LABEL}$"),
    expected("a DNS label (a-z, 0-9 and '-', at most 63 characters)"),
]
"""Kubernetes' rule for names of namespaces and for label values that become names (RFC 1123)."""

ObjectName = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=OBJECT_NAME_LIMIT),
    expected(f"the name of an object (a-z, 0-9, '-' and '.', at most {OBJECT_NAME_LIMIT} characters)"),
]
"""Kubernetes' rule for names of most objects (a DNS subdomain)."""

Revision = Annotated[
    DnsLabel,
    Field(max_length=REVISION_LIMIT),
    expected(
        f"a revision of at most {REVISION_LIMIT} characters "
        f"(helm's release names, here istiod-<revision>, end at {HELM_RELEASE_LIMIT})"
    ),
]
"""An Istio revision, short enough for the release `istiod-<revision>`."""


def _refuse_the_charts_name(value: str) -> str:
    if STACK_CHART in value:
        raise ValueError(f"expected a release name without {STACK_CHART} in it (the chart would not add it then)")
    return value


StackRelease = Annotated[
    DnsLabel,
    AfterValidator(_refuse_the_charts_name),
    Field(max_length=STACK_RELEASE_LIMIT),
    expected(
        f"a release name of at most {STACK_RELEASE_LIMIT} characters "
        f"(the chart cuts <release>-{STACK_CHART} after {STACK_NAME_LIMIT})"
    ),
]
"""A release name for kube-prometheus-stack under which the chart derives the names that names.py computes."""

Version = Annotated[
    str,
    Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"),
    expected("an exact version such as 1.17.6"),
]
"""One version, not a range: helm takes `1.59` for any 1.59.x."""

MinorVersion = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+$"), expected("a minor version such as 1.34")]
"""A minor version, as Kubernetes' releases are called."""

_DURATION = expected("a Prometheus duration such as 15s, 1h30m or 10d")
# The pattern of prometheus-operator's CRDs, which is Prometheus' own: units from large to small, each at most once.
_UNITS = Annotated[
    str,
    Field(pattern="^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"),
    _DURATION,
]
# Apart: of two patterns beside each other, pydantic keeps the last.
Duration = Annotated[_UNITS, Field(pattern="[1-9]"), _DURATION]
"""A Prometheus duration longer than nothing."""

Registry = Annotated[
    str,
    Field(pattern=rf"^{_HOST}(/[a-z0-9][a-z0-9._-]*)*$"),
    expected("a registry such as registry.example:5000/mirror, without https:// and final slash"),
]
"""A registry, with a path where it has one, and neither a scheme before nor a slash behind it."""

RegistryHost = Annotated[
    str,
    Field(pattern=f"^{_HOST}$"),
    expected("a registry as images name it, such as quay.io, without a path"),
]
"""A registry without a path, as images name it."""

ObjectUid = Annotated[
    str,
    Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
    expected("a UID such as 74825f05-292d-4822-aca3-da46fb635f91"),
]
"""The UID that the API server gives an object."""

Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$"), expected("a digest, sha256: and 64 hexadecimal digits")]
"""The digest of an image's index."""


def check_text(kind: Any, value: str) -> str:
    """Return a text from outside of a stack file that is of a kind above; raises ValueError(`expected ...`)."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[str]:
    return TypeAdapter(kind)
