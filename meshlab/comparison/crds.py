"""What a change of a CustomResourceDefinition means for the objects of its kind."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from .changes import Change, at

CRD = "CustomResourceDefinition"
SHOWN_FIELDS = 6


@dataclass(frozen=True)
class _Field:
    """What a schema says of one field."""

    type: str
    required: bool
    allowed: tuple[str, ...]
    """Values of its enum; empty where any will do."""


def crd_changes(changes: Iterable[Change], *, whole: bool = False) -> Iterator[tuple[Change, list[str]]]:
    """Each CustomResourceDefinition that comes, goes or changes, and what that does. `whole`: with every field."""
    for change in changes:
        if change.one.kind == CRD:
            yield change, list(_told(change, None if whole else SHOWN_FIELDS))


def _told(change: Change, limit: int | None) -> Iterator[str]:
    before = change.before.manifest["spec"] if change.before else None
    after = change.after.manifest["spec"] if change.after else None
    if before is None:
        yield f"new kind {at(after, 'names', 'kind')}: {', '.join(_versions(after or {}))}"
        return
    if after is None:
        yield f"goes, and with it every {at(before, 'names', 'kind')} in the cluster unless the definition is kept"
        return
    for what in ("scope", "group"):
        if before.get(what) != after.get(what):
            yield f"{what} {before.get(what)} becomes {after.get(what)}: the API server refuses that"
    if before.get("names") != after.get("names"):
        yield "its names change"
    if before.get("conversion") != after.get("conversion"):
        yield f"conversion between versions is now {at(after, 'conversion', 'strategy') or 'None'}"
    yield from _version_changes(_versions(before), _versions(after), limit)
    if change.version_only:
        yield "the same definition, from another version of its tools"


def _versions(spec: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(version["name"]): version for version in cast(list[Mapping[str, Any]], spec.get("versions") or [])}


def _version_changes(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], limit: int | None
) -> Iterator[str]:
    for name, version in after.items():
        if name not in before:
            yield f"new version {name}{'' if version.get('served') else ', not served'}"
    for name, version in before.items():
        if name not in after:
            yield f"version {name} goes: objects stored in it can no longer be read"
            continue
        new = after[name]
        if version.get("served") and not new.get("served"):
            yield f"version {name} is no longer served"
        if not version.get("served") and new.get("served"):
            yield f"version {name} is served now"
        if not version.get("storage") and new.get("storage"):
            yield f"objects are stored as {name} from now on"
        yield from _schema_changes(name, _schema(version), _schema(new), limit)


def _schema(version: Mapping[str, Any]) -> dict[str, _Field]:
    root = at(version, "schema", "openAPIV3Schema")
    return dict(_fields(cast(Mapping[str, Any], root), "")) if root else {}


def _fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, _Field]]:
    required = cast(list[str], schema.get("required") or [])
    for name, entry in cast(Mapping[str, Mapping[str, Any]], schema.get("properties") or {}).items():
        where = f"{path}.{name}" if path else name
        allowed = tuple(str(value) for value in cast(list[Any], entry.get("enum") or []))
        yield where, _Field(str(entry.get("type") or "any"), name in required, allowed)
        yield from _fields(entry, where)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        inner = schema.get(key)
        if isinstance(inner, Mapping):
            yield from _fields(cast(Mapping[str, Any], inner), f"{path}{mark}")


def _schema_changes(
    version: str, before: Mapping[str, _Field], after: Mapping[str, _Field], limit: int | None
) -> Iterator[str]:
    both = [path for path in before if path in after]
    yield from _listed(version, "fields gone", _outermost(path for path in before if path not in after), limit)
    added = [path for path in after if path not in before]
    # Within a new field, what is required is required of those who use the field.
    parents = {path.rpartition(".")[0].rstrip("[]{}") for path in added if after[path].required} - set(added)
    yield from _listed(
        version,
        "fields required now",
        [
            *(path for path in both if after[path].required and not before[path].required),
            *(path for path in added if after[path].required and path.rpartition(".")[0].rstrip("[]{}") in parents),
        ],
        limit,
    )
    retyped = [path for path in both if before[path].type != after[path].type]
    yield from _listed(version, "fields of another type", retyped, limit)
    yield from _listed(
        version,
        "fields with fewer values",
        [
            path
            for path in both
            if after[path].allowed and not set(before[path].allowed or "?") <= set(after[path].allowed)
        ],
        limit,
    )
    outermost = _outermost(added)
    if outermost:
        yield f"{version}: new fields ({len(outermost)})"


def _outermost(paths: Iterable[str]) -> list[str]:
    """Paths without those below another of them."""
    kept: list[str] = []
    for path in sorted(paths):
        if not kept or not path.startswith((f"{kept[-1]}.", f"{kept[-1]}[", f"{kept[-1]}{{")):
            kept.append(path)
    return kept


def _listed(version: str, what: str, paths: list[str], limit: int | None) -> Iterator[str]:
    if paths:
        kept = paths[:limit]
        more = f" and {len(paths) - len(kept)} more" if len(paths) > len(kept) else ""
        yield f"{version}: {what} ({len(paths)}): {', '.join(kept)}{more}"
