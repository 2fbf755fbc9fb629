"""What a stack's program declares itself, as verify compares the cluster with it; objects of charts are not in here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kube.api_objects import Manifest, entries, mapping
from settings.names import REVISION_LABEL

from ..recording.manifests import manifest_of
from ..recording.recorder import SECRET, Recorded
from ..recording.releases import RELEASE, component_of
from ..results.outcome import Failed

TAG_LABEL = "istio.io/tag"
WEBHOOK_KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
FOR_THE_ENGINE = "pulumi.com/"
"""Annotations with this prefix say how to apply an object, and nothing about it."""


@dataclass(frozen=True)
class Declared:
    """One object of the program."""

    component: str
    """Logical name of the component that it belongs to."""
    manifest: Manifest


class Program:
    """The objects of one stack's program."""

    def __init__(self, objects: Iterable[Declared]) -> None:
        self.objects = tuple(objects)

    @classmethod
    def of_resources(cls, resources: Iterable[Recorded]) -> "Program":
        """The objects among recorded resources."""
        listed = list(resources)
        by_urn = {resource.urn: resource for resource in listed}
        return cls(
            Declared(component_of(resource, by_urn), _comparable(manifest_of(resource)))
            for resource in listed
            if resource.custom and resource.type.startswith("kubernetes:") and resource.type != RELEASE
        )

    def of_component(self, component: str) -> list[Manifest]:
        """What a component declares, in the order of the recording."""
        return [object_.manifest for object_ in self.objects if object_.component == component]

    def of_kind(self, kind: str) -> list[Manifest]:
        """All objects of a kind."""
        return [object_.manifest for object_ in self.objects if object_.manifest["kind"] == kind]

    def one(self, kind: str, name: str, namespace: str = "") -> Manifest:
        """An object that the program has to have; Failed where it has none."""
        for manifest in self.of_kind(kind):
            metadata = manifest["metadata"]
            if metadata["name"] == name and namespace in ("", metadata.get("namespace", "")):
                return manifest
        raise Failed(f"the program itself declares no {kind} {name}")

    def revision(self, name: str | None) -> str | None:
        """The revision that a namespace's label means: its value, or where that is a tag, the tag's revision."""
        for webhooks in self.of_kind("MutatingWebhookConfiguration"):
            labels = mapping(webhooks["metadata"].get("labels"))
            if name is not None and labels.get(TAG_LABEL) == name:
                return str(labels[REVISION_LABEL])
        return name


def _comparable(manifest: dict[str, Any]) -> Manifest:
    """A manifest as the API server gives it back: without what is for the engine alone."""
    metadata = dict(mapping(manifest["metadata"]))
    annotations = mapping(metadata.pop("annotations", None))
    if kept := {key: value for key, value in annotations.items() if not key.startswith(FOR_THE_ENGINE)}:
        metadata["annotations"] = kept
    result = {**manifest, "metadata": metadata}
    if result["kind"] in WEBHOOK_KINDS:
        result["webhooks"] = [_with_any_certificate(webhook) for webhook in entries(result["webhooks"])]
    if result["kind"] == "Secret":
        # What it holds is nobody's business here, only that it holds something; stringData becomes data in the cluster.
        result.pop("stringData", None)
        result["data"] = SECRET
    return result


def _with_any_certificate(webhook: Manifest) -> Manifest:
    """The certificate is made of a password that is generated, which the recording does not know: one must be there."""
    config = mapping(webhook["clientConfig"])
    return {**webhook, "clientConfig": {**config, "caBundle": SECRET}} if "caBundle" in config else webhook
