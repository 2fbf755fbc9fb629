"""Which objects come, go and change between two renderings, and in which of their fields."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from ..render.objects import KubernetesObject

# What charts write their own version into, on every object.
_VERSION_MARKS: Mapping[str, tuple[str, ...]] = {
    "labels": ("helm.sh/chart", "chart", "app.kubernetes.io/version", "operator.istio.io/version"),
    "annotations": ("operator.prometheus.io/version", "controller-gen.kubebuilder.io/version"),
}

Path = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One object that is not the same in both renderings. One of the two is there at least."""

    file: str
    before: KubernetesObject | None
    after: KubernetesObject | None

    @property
    def one(self) -> KubernetesObject:
        """The object as it will be, or as it was where it goes."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def action(self) -> str:
        """added, changed or removed."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def differs(self) -> bool:
        """Whether the two are not the same, or not of the same resource."""
        return _state(self.before) != _state(self.after) or self.renamed

    @property
    def secret(self) -> bool:
        """Whether what a Secret holds changes, which is not shown."""
        return self.before is not None and self.after is not None and self.before.secret != self.after.secret

    @property
    def renamed(self) -> bool:
        """Whether the program declares the same object by another resource from now on, and no alias says so."""
        if self.before is None or self.after is None or self.before.release or self.after.release:
            return False
        return not continues(self.before.resource, self.after.resource, self.after.former)

    @cached_property
    def fields(self) -> list[Path]:
        """Paths of the fields that differ, for a changed object."""
        if self.before is None or self.after is None:
            return []
        return list(differing(self.before.manifest, self.after.manifest))

    @property
    def telling_fields(self) -> list[Path]:
        """`fields` without the labels that name a chart's version, those that a reviewer looks for first in front."""
        telling = [path for path in self.fields if not _names_version(path)]
        return sorted(telling, key=lambda path: "metadata" in path)

    @cached_property
    def version_only(self) -> bool:
        """Whether a changed object differs in nothing but the labels that name its chart's version."""
        hidden = self.secret or self.renamed
        return bool(self.fields) and not hidden and not self.telling_fields


def changes(before: Mapping[str, KubernetesObject], after: Mapping[str, KubernetesObject]) -> list[Change]:
    """What differs between two renderings, by file path."""
    both = [Change(file, before.get(file), after.get(file)) for file in sorted({*before, *after})]
    return [change for change in both if change.differs]


def continues(old: str, new: str, former: Iterable[str]) -> bool:
    """Whether the resource named `new`, which was called `former` before, is to Pulumi the one named `old`."""
    return old in (new, *former)


def differing(before: Any, after: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of what differs. Items of a list go by their names where all have one, else by their places; a list of
    plain values is one thing."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _in_mappings(cast(Mapping[str, Any], before), cast(Mapping[str, Any], after), path)
    elif isinstance(before, list) and isinstance(after, list):
        rows, others = cast(list[Any], before), cast(list[Any], after)
        if not any(isinstance(row, Mapping | list) for row in (*rows, *others)):
            yield path
            return
        yield from _in_mappings(_keyed(rows, others), _keyed(others, rows), path)
    else:
        yield path


def text_of(path: Path) -> str:
    """A path as people write it: `spec.template.spec.containers[grafana].image`."""
    return "".join(part if part.startswith("[") or not number else f".{part}" for number, part in enumerate(path))


def at(manifest: Mapping[str, Any] | None, *path: str) -> Any:
    """The value at a path of mappings; None where there is none."""
    value: Any = manifest
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = cast(Mapping[str, Any], value).get(key)
    return value


def _in_mappings(before: Mapping[str, Any], after: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for key in sorted({*before, *after}):
        if key in before and key in after:
            yield from differing(before[key], after[key], (*path, key))
        else:
            yield (*path, key)


def _keyed(rows: Sequence[Any], others: Sequence[Any]) -> dict[str, Any]:
    names = [name_of(row) for row in rows]
    by_name = all(name_of(row) for row in (*rows, *others)) and len(set(names)) == len(names)
    return {f"[{names[place] if by_name else place}]": row for place, row in enumerate(rows)}


def name_of(row: Any) -> str:
    """What tells an item from its neighbours: its name, or the one that a rule of Prometheus has instead."""
    fields: Mapping[str, Any] = cast(Mapping[str, Any], row) if isinstance(row, Mapping) else {}
    return str(fields.get("name") or fields.get("alert") or fields.get("record") or "")


def _names_version(path: Path) -> bool:
    return len(path) == 3 and path[0] == "metadata" and path[2] in _VERSION_MARKS.get(path[1], ())


def _state(one: KubernetesObject | None) -> object:
    return None if one is None else (one.manifest, one.secret, one.patch)
