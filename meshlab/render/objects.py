"""One Kubernetes object that a stack stands for: where it comes from, what makes it itself, and its file's name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

PROGRAM = "program"
"""The folder of the objects that a component declares itself, beside those of its releases."""
HOOK = "helm.sh/hook"

# What the Kubernetes API keeps outside of namespaces; CRDs say it of their own kinds.
_CLUSTER_WIDE = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PodSecurityPolicy",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "ServiceCIDR",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
    }
)

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class KubernetesObject:
    """An object as the API server would get it, secrets masked."""

    component: str
    """Logical name of the component that it belongs to."""
    resource: str
    """Logical name of the Pulumi resource that brings it: itself, or the Release whose chart has it."""
    release: str
    """Name of the helm release; empty for an object that the program declares itself."""
    manifest: Manifest
    patch: bool = False
    """True where only the fields in `manifest` are the program's and the object is somebody else's."""
    former: tuple[str, ...] = ()
    """Logical names that its resource had before, by aliases; for an object that the program declares itself."""
    secret: bytes = b""
    """Tells within this process whether masked contents differ; says nothing outside of it."""

    @property
    def kind(self) -> str:
        """The kind as manifests have it."""
        return str(self.manifest["kind"])

    @property
    def group(self) -> str:
        """The API group, empty for the core one. The version beside it is no part of what an object is."""
        return str(self.manifest["apiVersion"]).rpartition("/")[0]

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """metadata.namespace; empty for a kind outside of namespaces."""
        return str(self.manifest["metadata"].get("namespace") or "")

    @property
    def hooks(self) -> tuple[str, ...]:
        """When helm creates it, for a hook of a chart; empty for any other object."""
        annotations = cast(Mapping[str, Any], self.manifest["metadata"].get("annotations") or {})
        value = str(annotations.get(HOOK) or "")
        return tuple(sorted(part.strip() for part in value.split(",") if part.strip()))

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Group, kind, namespace and name: equal for the same object, whoever brings it and in whichever version."""
        return self.group, f"{self.kind}Patch" if self.patch else self.kind, self.namespace, self.name

    @property
    def label(self) -> str:
        """How people refer to it: `Deployment prometheus/prom-grafana`."""
        kind = f"{self.kind} (patch)" if self.patch else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"

    @property
    def folder(self) -> str:
        """The folder of its file, below that of the stack."""
        return f"{safe(self.component)}/{safe(self.release or PROGRAM)}"


def safe(name: str) -> str:
    """A name as a part of a path: RBAC allows a colon in names, which not every file system does."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def files_of(objects: Iterable[KubernetesObject]) -> dict[str, KubernetesObject]:
    """Objects by file path, sorted. Where two would share one (kinds of two groups), the group parts them."""
    files: dict[str, KubernetesObject] = {}
    for found_object in sorted(objects, key=lambda found_object: (found_object.folder, found_object.identity)):
        group, kind, namespace, name = found_object.identity
        stem = "-".join(safe(part) for part in (kind.lower(), namespace, name) if part)
        candidates = [stem, f"{stem}-{safe(group)}", *(f"{stem}-{number}" for number in range(2, 100))]
        path = next(path for path in (f"{found_object.folder}/{stem}.yaml" for stem in candidates) if path not in files)
        files[path] = found_object
    return dict(sorted(files.items()))


def flattened(documents: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The objects among documents of YAML; a List stands for its items."""
    for document in documents:
        if not isinstance(document, dict) or "kind" not in document:
            continue
        manifest = cast(dict[str, Any], document)
        if str(manifest["kind"]).endswith("List") and isinstance(manifest.get("items"), list):
            yield from flattened(cast(list[Any], manifest["items"]))
        elif cast(Mapping[str, Any], manifest.get("metadata") or {}).get("name"):
            yield manifest


def crds(objects: Iterable[KubernetesObject]) -> list[KubernetesObject]:
    """The CustomResourceDefinitions among objects."""
    return [object_ for object_ in objects if object_.kind == "CustomResourceDefinition"]


def api_versions(objects: Iterable[KubernetesObject]) -> list[str]:
    """What a cluster serves because of the CRDs among `objects`: `<group>/<version>`, and the same with each kind."""
    found: set[str] = set()
    for crd in crds(objects):
        spec = crd.manifest["spec"]
        for version in cast(list[Mapping[str, Any]], spec.get("versions") or []):
            if version.get("served"):
                group_version = f"{spec['group']}/{version['name']}"
                found |= {group_version, f"{group_version}/{spec['names']['kind']}"}
    return sorted(found)


def with_namespaces(objects: Iterable[KubernetesObject], namespace_of: Mapping[str, str]) -> list[KubernetesObject]:
    """The objects with the namespace of their release (`namespace_of`, by resource) wherever the API would put it."""
    listed = list(objects)
    cluster_wide = _CLUSTER_WIDE | {
        str(crd.manifest["spec"]["names"]["kind"]) for crd in crds(listed) if crd.manifest["spec"]["scope"] == "Cluster"
    }
    result: list[KubernetesObject] = []
    for object_ in listed:
        metadata = dict(cast(Mapping[str, Any], object_.manifest["metadata"]))
        if object_.kind in cluster_wide:
            metadata.pop("namespace", None)
        else:
            metadata["namespace"] = metadata.get("namespace") or namespace_of.get(object_.resource, "default")
        result.append(replace(object_, manifest={**object_.manifest, "metadata": metadata}))
    return result
