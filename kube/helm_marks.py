"""By what an object says that helm made it."""

from .api_objects import Manifest
from .objects import annotations_of

HELM_NAME, HELM_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
HOOK = "helm.sh/hook"


def helm_owner(live: Manifest) -> tuple[str, str]:
    """Namespace and name of the release that an object says it belongs to; empty where it says none."""
    annotations = annotations_of(live)
    return annotations.get(HELM_NAMESPACE, ""), annotations.get(HELM_NAME, "")
