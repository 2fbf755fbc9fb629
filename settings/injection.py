"""Istio's rule for who puts a sidecar into a pod: what the webhooks' selectors let through, and what an injector does.

A test holds this to the webhooks of the real charts before a real API server, with a real istiod behind them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kube.api_objects import Manifest, mapping

from .injection_policy import USUAL, Policy
from .names import INJECTION_LABEL, NAMESPACE_INJECTION_LABEL, REVISION_LABEL

NO_POLICIES: Mapping[str, Policy] = MappingProxyType({})
DEFAULT = "default"
"""The tag that also serves what asks for injection and names no revision, as an Istio without a revision does."""
NEVER_MESHED = frozenset({"kube-node-lease", "kube-public", "kube-system", "local-path-storage"})
"""Namespaces in which no injector does anything."""


def injected_by_rule(
    namespace: Manifest, pod: Manifest, leads_to: Mapping[str, str], policies: Mapping[str, Policy] = NO_POLICIES
) -> str:
    """The revision that puts a sidecar into a new pod; empty where none does.

    `pod` is a pod or the template of one, `leads_to` has the revision by each name that a webhook serves: revisions and
    tags. `policies` has what revisions do with pods that say nothing, where it is not the usual.
    """
    name = followed(namespace, pod)
    revision = leads_to.get(name, "") if name else ""
    return revision if _wants_sidecar(namespace, pod, policies.get(revision, USUAL)) else ""


def followed(namespace: Manifest, pod: Manifest) -> str:
    """The revision or tag that a namespace asks for, else its pod; empty where neither does or it is forbidden."""
    asked, of_pod = _labels(namespace), _labels(pod)
    injection = asked.get(NAMESPACE_INJECTION_LABEL)
    if injection is not None:
        return DEFAULT if injection == "enabled" else ""
    if REVISION_LABEL in asked:
        return asked[REVISION_LABEL]
    if REVISION_LABEL in of_pod:
        return of_pod[REVISION_LABEL]
    return DEFAULT if of_pod.get(INJECTION_LABEL) == "true" else ""


def _wants_sidecar(namespace: Manifest, pod: Manifest, policy: Policy) -> bool:
    """Whether an injector that is asked puts one in. The label goes before the annotation, whatever it says."""
    if namespace["metadata"]["name"] in NEVER_MESHED or mapping(pod.get("spec")).get("hostNetwork"):
        return False
    labels = _labels(pod)
    said = labels.get(INJECTION_LABEL)
    if said is None:
        said = mapping(mapping(pod.get("metadata")).get("annotations")).get(INJECTION_LABEL)
    return said == "true" if said in ("true", "false") else policy.injects(labels)


@dataclass(frozen=True)
class Hindrance:
    """A label of a namespace of the mesh that keeps the injector of its revision away."""

    namespace: str
    label: str
    """The one to blame, as `key=value`."""
    asked: str
    """The revision or tag that the stack has for the namespace."""
    wanted: str
    """The revision that this leads to."""
    instead: str
    """The revision whose injector is asked now; empty for none."""

    def __str__(self) -> str:
        instead = f"sidecars of revision {self.instead}" if self.instead else "no sidecar of this stack"
        return (
            f"namespace {self.namespace}: label {self.label} goes before {REVISION_LABEL}={self.asked}: its pods get "
            f"{instead}, expected revision {self.wanted}"
        )

    @property
    def fix(self) -> str:
        """What to do about it."""
        return (
            f"kubectl label namespace {self.namespace} {NAMESPACE_INJECTION_LABEL}-; or take the namespace out of "
            "mesh.namespaces"
        )


def hindrance(namespace: Manifest, asked: str, leads_to: Mapping[str, str]) -> Hindrance | None:
    """What keeps the revision of `asked` from a namespace that the stack labels with it; None where nothing does."""
    injection = _labels(namespace).get(NAMESPACE_INJECTION_LABEL)
    wanted, instead = leads_to[asked], leads_to.get(followed(namespace, {}), "")
    if injection is None or instead == wanted:
        return None
    name = str(namespace["metadata"]["name"])
    return Hindrance(name, f"{NAMESPACE_INJECTION_LABEL}={injection}", asked, wanted, instead)


def _labels(manifest: Manifest) -> dict[str, str]:
    return mapping(mapping(manifest.get("metadata")).get("labels"))
