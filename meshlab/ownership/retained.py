"""What a removal keeps on purpose, and why; anything else that is left is a leftover."""

from dataclasses import dataclass

from kube.api_objects import Manifest, mapping
from kube.objects import name_of

from .owned import CRD


@dataclass(frozen=True)
class Reason:
    """Why something stays."""

    why: str
    command: str
    """What takes it away."""


CA_CONFIG_MAPS = ("istio-ca-root-cert", "istio-ca-crl")


def reason_to_stay(live: Manifest, *, adopted: bool = False) -> Reason | None:
    """Why an object stays on purpose; None where it should not be there.

    `adopted`: it is a namespace that the stack adopted, or in one.
    """
    kind, name = str(live["kind"]), name_of(live)
    if kind == "Namespace" and adopted:
        return Reason("it was there before the stack, which only adopted it", f"kubectl delete namespace {name}")
    if kind == "PersistentVolumeClaim" and adopted:
        return Reason(
            "it has what was written, and no namespace goes that would take it",
            f"kubectl delete persistentvolumeclaim {name} --namespace {live['metadata']['namespace']}",
        )
    if kind == CRD:
        return Reason("with a CRD goes every object of its kind, other teams' included", "meshlab destroy --purge-crds")
    if kind == "ConfigMap" and name in CA_CONFIG_MAPS:
        return Reason(
            "istiod writes them into every namespace and takes them back from none",
            f"kubectl delete configmap {' '.join(CA_CONFIG_MAPS)} --ignore-not-found --namespace <namespace>",
        )
    if kind == "PersistentVolume" and mapping(live.get("spec")).get("persistentVolumeReclaimPolicy") == "Retain":
        return Reason("its storage class keeps what was written", f"kubectl delete persistentvolume {name}")
    return None
