"""Which variables and secrets of a GitHub environment a job needs, and what is missing of them. docs/setup/"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from base.errors import MeshlabError

CHOICE = "CLUSTER_CREDENTIALS"
"""The variable that chooses; without it, the stored kubeconfig."""
CONTEXT, BACKEND, TOKEN, STORED = "CLUSTER", "PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "KUBECONFIG_DATA"


@dataclass(frozen=True)
class Way:
    """One way to a cluster."""

    variables: tuple[str, ...]
    """Variables of the environment that it needs beside CLUSTER."""
    optional: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


WAYS = MappingProxyType(
    {
        "kubeconfig": Way((), secrets=(STORED,)),
        "eks": Way(("EKS_CLUSTER", "AWS_REGION", "AWS_ROLE_ARN")),
        "gke": Way(
            ("GKE_CLUSTER", "GKE_LOCATION", "GCP_PROJECT", "GCP_WORKLOAD_IDENTITY_PROVIDER"), ("GCP_SERVICE_ACCOUNT",)
        ),
        "aks": Way(
            ("AKS_CLUSTER", "AKS_RESOURCE_GROUP", "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID")
        ),
    }
)


def chosen(variables: Mapping[str, str]) -> str:
    """The name of the way that the environment chooses. Raises MeshlabError."""
    name = variables.get(CHOICE) or "kubeconfig"
    if name not in WAYS:
        raise MeshlabError(f"variable {CHOICE}: expected one of {', '.join(WAYS)}, got {name}")
    return name


def check(variables: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Raise MeshlabError with one line that names all that is missing."""
    missing = list(_missing(variables, secrets))
    if missing:
        raise MeshlabError(
            f"this job's GitHub environment: expected {', '.join(missing)}, got none of them",
            "set them under Settings > Environments: docs/promotion.md#deploy",
        )
    for name, value in variables.items():
        if name in _known() and value != "".join(value.split()):
            raise MeshlabError(f"variable {name}: expected one word, got white space in it")


def _missing(variables: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[str]:
    if not variables.get(BACKEND) and not secrets.get(TOKEN):
        yield f"variable {BACKEND} (a bucket) or secret {TOKEN} (Pulumi Cloud)"
    way = WAYS[chosen(variables)]
    yield from (f"variable {name}" for name in (CONTEXT, *way.variables) if not variables.get(name))
    yield from (f"secret {name}" for name in way.secrets if not secrets.get(name))


def _known() -> set[str]:
    """Variables that end up in files of NAME=value, or in a kubeconfig. A context may be called anything."""
    return {name for way in WAYS.values() for name in (*way.variables, *way.optional)}
