"""What rules look at: a Helm release with the values it carries, or a Kubernetes object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

RELEASE = "kubernetes:helm.sh/v3:Release"
MONITORING_STACK = "kube-prometheus-stack"

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class DeclaredRelease:
    """A Helm release as the program declares it."""

    name: str
    namespace: str
    reference: str
    """The chart as the program refers to it: a name, an address or a file."""
    version: str
    """Empty where none is given, which is to helm the newest."""
    timeout_seconds: int | None
    """None where none is given, which is to the provider 300."""
    values: Fields
    value_files: int
    """How many files of values there are beside `values`."""
    urn: str = ""

    @property
    def chart(self) -> str:
        """Name of the chart."""
        return PurePosixPath(self.reference).name.removesuffix(".tgz").removesuffix(f"-{self.version}")

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"Release {self.namespace}/{self.name}"

    @property
    def content(self) -> tuple[Fields, str]:
        """What there is to look through, and where that stands."""
        return self.values, "values"


@dataclass(frozen=True)
class Object:
    """A Kubernetes object, declared by the program or rendered from a chart."""

    manifest: Fields
    group: str
    """API group without the version; empty for the core one."""
    kind: str
    urn: str = ""

    @property
    def metadata(self) -> Fields:
        """metadata, empty where there is none."""
        return mapping(self.manifest.get("metadata"))

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """metadata.namespace; empty for a kind outside of namespaces."""
        return str(self.metadata.get("namespace") or "")

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def content(self) -> tuple[Fields, str]:
        """What there is to look through, and where that stands."""
        return self.manifest, ""

    @property
    def is_text(self) -> bool:
        """Whether its fields are files or schemas of something else, so that no field means what it is called."""
        return self.kind in ("ConfigMap", "CustomResourceDefinition", "Secret")


Subject = DeclaredRelease | Object


def subject_of(token: str, props: Fields, urn: str = "") -> Subject | None:
    """A Pulumi resource as rules see it; None for what is nothing in a cluster, such as a provider or a component."""
    if token == RELEASE:
        return _release(props, urn)
    provider, _, rest = token.partition(":")
    group_version, _, kind = rest.rpartition(":")
    # Lists and charts of the provider stand for objects that are resources themselves.
    if provider != "kubernetes" or group_version.startswith(("helm.sh/", "yaml/")) or kind.endswith("List"):
        return None
    group = group_version.rpartition("/")[0]
    return Object(props, "" if group == "core" else group, kind.removesuffix("Patch"), urn)


def object_of(manifest: Fields) -> Object:
    """A manifest as rules see it."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return Object(manifest, group, str(manifest["kind"]))


def mapping(value: Any) -> Fields:
    """`value` if it is a mapping, else an empty one."""
    return cast(Fields, value) if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[Any]:
    """The entries of `value` if it is a list, else none."""
    return list(cast(Sequence[Any], value)) if isinstance(value, list | tuple) else []


def _release(props: Fields, urn: str) -> DeclaredRelease:
    timeout = props.get("timeout")
    return DeclaredRelease(
        name=str(props.get("name") or ""),
        namespace=str(props.get("namespace") or ""),
        reference=str(props.get("chart") or ""),
        version=str(props.get("version") or ""),
        timeout_seconds=int(timeout) if isinstance(timeout, int | float) else None,
        values=mapping(props.get("values")),
        value_files=len(entries(props.get("valueYamlFiles"))),
        urn=urn,
    )
