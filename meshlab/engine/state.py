"""A stack's exported state as a document: its pending operations, and the few edits that settle them."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True)
class PendingOperation:
    """Something that the engine had begun and of which it did not see the end."""

    kind: str
    """creating, updating, deleting, reading or importing."""
    resource: Mapping[str, Any]
    """The resource as the state has it; outputs and id are there only if the provider had answered."""

    @property
    def urn(self) -> str:
        """The resource's URN."""
        return str(self.resource["urn"])

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def type(self) -> str:
        """The resource's type token."""
        return str(self.resource["type"])

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the program asked for."""
        return cast(Mapping[str, Any], self.resource.get("inputs") or {})

    @property
    def answered(self) -> bool:
        """Whether the provider had answered, and only the state had not heard of it yet."""
        return bool(self.resource.get("id") and self.resource.get("outputs"))


@dataclass(frozen=True, order=True)
class ReleaseKey:
    """A helm release by what makes it one."""

    namespace: str
    name: str

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> "ReleaseKey":
        """The release that a Release resource's inputs name."""
        return cls(str(inputs.get("namespace") or "default"), str(inputs["name"]))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class State:
    """An exported state. Edits change the document in place; `edited` tells whether there were any."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = copy.deepcopy(dict(document))
        self.edited = False
        self._deployment = cast(dict[str, Any], self.document.get("deployment") or {})

    @property
    def operations(self) -> list[PendingOperation]:
        """What had been begun and not been seen to end."""
        entries = cast(list[Mapping[str, Any]], self._deployment.get("pending_operations") or [])
        return [PendingOperation(str(entry["type"]), entry["resource"]) for entry in entries]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources that the state knows."""
        return cast(list[dict[str, Any]], self._deployment.get("resources") or [])

    def releases(self) -> dict[ReleaseKey, str]:
        """URN by helm release, for every release that the state has as created."""
        found = [resource for resource in self.resources if resource["type"] == RELEASE and not resource.get("delete")]
        return {ReleaseKey.of(item.get("inputs") or {}): str(item["urn"]) for item in found}

    def forget(self, operation: PendingOperation) -> None:
        """Take a pending operation off the list."""
        entries = cast(list[Mapping[str, Any]], self._deployment["pending_operations"])
        same = (operation.kind, operation.urn)
        self._deployment["pending_operations"] = [
            entry for entry in entries if (entry["type"], entry["resource"]["urn"]) != same
        ]
        self.edited = True

    def adopt(self, resource: Mapping[str, Any]) -> None:
        """Add a resource that exists. One of the same URN that it was to replace is left to be deleted by `up`."""
        resources = self.resources
        replaced = [n for n, one in enumerate(resources) if one["urn"] == resource["urn"] and not one.get("delete")]
        for number in replaced:
            resources[number]["delete"] = True
        # Before the one that it replaces: what depends on this URN comes after that.
        resources.insert(min(replaced, default=len(resources)), dict(resource))
        self.edited = True

    def drop(self, urn: str) -> None:
        """Take a resource out that does not exist any more, and every mention of it by others."""
        kept = [resource for resource in self.resources if resource["urn"] != urn]
        for item in kept:
            if urn in (item.get("dependencies") or []):
                item["dependencies"] = [other for other in item["dependencies"] if other != urn]
            by_property = cast(dict[str, list[str]], item.get("propertyDependencies") or {})
            for key, urns in by_property.items():
                by_property[key] = [other for other in urns or [] if other != urn]
        self._deployment["resources"] = kept
        self.edited = True
