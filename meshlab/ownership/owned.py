"""By what an object in a cluster can be told to be a stack's, also one that a chart or an operator has made for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from kube.api_objects import Manifest, entries, mapping
from kube.helm_marks import helm_owner
from kube.helm_records import RECORD_TYPE
from kube.objects import labels_of, name_of

from ..recording.manifests import manifest_of
from ..recording.recorder import Recorded
from ..recording.releases import releases_of
from ..render.others import is_object
from .strangers import StackNamespaces

CRD = "CustomResourceDefinition"
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
BINDINGS = ("ClusterRoleBinding", "RoleBinding")
INSTANCE, PART_OF, MANAGED_BY = (f"app.kubernetes.io/{name}" for name in ("instance", "part-of", "managed-by"))
ISTIO_CONFIG = "istio.io/config"
ADOPTED_MARK = "adopted by the stack"


@dataclass(frozen=True)
class Ours:
    """What a stack leaves its marks by."""

    releases: frozenset[tuple[str, str]]
    """Namespace and name of each helm release."""
    namespaces: frozenset[str]
    """Namespaces that are the stack's own."""
    objects: frozenset[tuple[str, str, str]]
    """Kind, namespace and name of what the program declares and nobody else has."""
    adopted: frozenset[str] = frozenset()
    """Namespaces that the stack uses and leaves to their owners."""

    @classmethod
    def of(cls, resources: Iterable[Recorded]) -> "Ours":
        """The marks of a recorded program. Raises ReleaseError."""
        listed = list(resources)
        releases = releases_of(listed)
        # A patch is of somebody else's object; the Kiali CRD alone is one that the patch creates.
        own = [
            manifest
            for resource in listed
            if is_object(resource)
            for manifest in (manifest_of(resource),)
            if not resource.type.endswith("Patch") or manifest["kind"] == CRD
        ]
        identities = {(str(item["kind"]), str(item["metadata"].get("namespace") or ""), name_of(item)) for item in own}
        return cls(
            frozenset((release.namespace, release.name) for release in releases),
            frozenset(name for kind, _, name in identities if kind == "Namespace"),
            frozenset(identities),
            StackNamespaces.of(listed).adopted,
        )

    def adopts(self, live: Manifest) -> bool:
        """Whether an object is an adopted namespace, or in one."""
        namespace = name_of(live) if live["kind"] == "Namespace" else live["metadata"].get("namespace")
        return namespace in self.adopted

    def mark(self, live: Manifest) -> str:
        """By what an object is the stack's; empty where it is not."""
        kind, metadata = str(live["kind"]), live["metadata"]
        namespace = str(metadata.get("namespace") or "")
        owner = helm_owner(live)
        if owner in self.releases:
            return f"helm release {owner[1]}"
        if (kind, namespace, name_of(live)) in self.objects:
            return "declared by the program"
        if kind == "Namespace" and name_of(live) in self.adopted:
            return ADOPTED_MARK
        if namespace in self.adopted and self._made_inside(live):
            return f"made for the stack in the adopted namespace {namespace}"
        if namespace in self.namespaces:
            return f"in the stack's namespace {namespace}"
        # A label alone says less than helm does: another release may have the same name.
        return (self._label(live) if not any(owner) else "") or self._reference(live)

    def _made_inside(self, live: Manifest) -> bool:
        """Whether an object of an adopted namespace is helm's record of a release, or a claim of an operator's pod."""
        kind, labels = str(live["kind"]), labels_of(live)
        if kind == "Secret":
            return live.get("type") == RECORD_TYPE and (
                (str(live["metadata"]["namespace"]), labels.get("name", "")) in self.releases
            )
        names = {name for _, name in self.releases}
        operator = labels.get(MANAGED_BY) == "prometheus-operator"
        return (
            kind == "PersistentVolumeClaim"
            and operator
            and labels.get(INSTANCE, "").startswith(tuple(f"{name}-" for name in names))
        )

    def _label(self, live: Manifest) -> str:
        labels, namespace = labels_of(live), live["metadata"].get("namespace")
        names = {name for _, name in self.releases}
        if labels.get(INSTANCE) in names and not namespace:
            return f"label {INSTANCE}={labels[INSTANCE]}"
        if labels.get(PART_OF) == "kiali" and not namespace:
            return "label of a Kiali that the operator has installed"
        if labels.get(ISTIO_CONFIG) == "true" and live["kind"] == "ConfigMap":
            return "written by istiod"
        if is_kubelet_service(live) and name_of(live).startswith(tuple(f"{name}-" for name in names)):
            return "made by the Prometheus operator"
        return ""

    def _reference(self, live: Manifest) -> str:
        kind = str(live["kind"])
        if kind in WEBHOOKS:
            for webhook in entries(live.get("webhooks")):
                service = mapping(mapping(webhook.get("clientConfig")).get("service"))
                if service.get("namespace") in self.namespaces:
                    return f"calls {service['namespace']}/{service.get('name')}"
        if kind in BINDINGS:
            for subject in entries(live.get("subjects")):
                if subject.get("namespace") in self.namespaces:
                    return f"gives rights to {subject['namespace']}/{subject.get('name')}"
        if kind == "PersistentVolume":
            claim = mapping(mapping(live.get("spec")).get("claimRef"))
            if claim.get("namespace") in self.namespaces:
                return f"was claimed by {claim['namespace']}/{claim.get('name')}"
        return ""


def is_kubelet_service(live: Manifest) -> bool:
    """Whether an object is the Service by which the Prometheus operator finds the kubelets."""
    made = labels_of(live).get(MANAGED_BY) == "prometheus-operator"
    return made and live["kind"] == "Service" and name_of(live).endswith("-kubelet")
