"""One object of the stack against the cluster: what applying it anew would change, and what others have added."""

import base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from kube.api_objects import Manifest, mapping
from kube.changes import DRIFT_MANAGER
from kube.fields import Manager, Path, Steps, are_named, item_name, managers, place, text_of
from settings.injection import hindrance
from settings.names import NAMESPACE_INJECTION_LABEL, REVISION_LABEL

from ..recording.recorder import SECRET
from ..render.masking import VARIES
from .declared import differences as declared_differences
from .finding import Difference
from .ignore_rules import Scaled, is_foreign, is_ignored
from .platforms import without_terms


def comparable(manifest: Manifest) -> dict[str, Any]:
    """What of a manifest can be compared: without status, nulls and values that are others at each rendering."""
    result = cast(dict[str, Any], _pruned(manifest))
    result.pop("status", None)
    result["metadata"].pop("creationTimestamp", None)
    annotations = cast(dict[str, str], result["metadata"].get("annotations") or {})
    for key in [key for key in annotations if key.startswith("pulumi.com/")]:
        del annotations[key]
    if result["kind"] == "Secret" and "stringData" in result:
        # For writing only: the API server keeps it in data.
        plain = cast(dict[str, str], result.pop("stringData"))
        packed = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        result["data"] = {**(result.get("data") or {}), **packed}
    return result


def differences(live: Manifest, applied: Manifest, scaled: Collection[Scaled], *, patch: bool) -> list[Difference]:
    """What differs of an object, where `applied` is what a dry run of applying the stack's manifest gives.

    Of a `patch`, only what it says is the stack's: what others add to the object is theirs.
    """
    live = without_terms(live, applied)
    result = told(live, live, applied, scaled)
    if "deletionTimestamp" in live["metadata"]:
        since = live["metadata"]["deletionTimestamp"]
        result.append(Difference("metadata.deletionTimestamp", since, None, "it is being deleted"))
    if not patch:
        result += [
            _hidden(live, addition)
            for addition in additions(live, applied)
            if not is_ignored(live, addition.path, scaled)
        ]
    return result


def told(object_: Manifest, live: Manifest, wanted: Manifest, scaled: Collection[Scaled]) -> list[Difference]:
    """What differs between two forms of an object: with who wrote it, without noise and secret values."""
    found = [change for change in changes(live, wanted) if not is_ignored(object_, change.path, scaled)]
    authors = authors_of(object_)
    return [_hidden(object_, _signed(difference, authors)) for difference in found]


def hindrances(live: Manifest, wanted: Manifest, leads_to: Mapping[str, str]) -> Iterator[Difference]:
    """The label that keeps the injector from a namespace of the mesh: of what others add, the one that undoes ours.

    `leads_to` has the revision by the label that the stack's webhooks look for.
    """
    asked = str(mapping(wanted["metadata"].get("labels")).get(REVISION_LABEL, ""))
    if live["kind"] == "Namespace" and asked in leads_to and hindrance(live, asked, leads_to) is not None:
        value = live["metadata"]["labels"][NAMESPACE_INJECTION_LABEL]
        steps = ("metadata", "labels", NAMESPACE_INJECTION_LABEL)
        pointer = f"/{'/'.join(steps)}"
        found = Difference(text_of(steps), value, None, declared=False, pointer=pointer, steps=steps)
        yield _signed(found, authors_of(live))


def is_untouched(live: Manifest, manifest: Manifest) -> bool:
    """Whether an object certainly is as `manifest` says: all of it is there, and no stranger has written anything."""
    return not any(map(is_foreign, managers(live))) and not any(declared_differences(manifest, live))


def changes(live: Any, wanted: Any, at: Steps = ()) -> Iterator[Difference]:
    """Every field that two forms of an object do not share, lists compared by the names of their items."""
    if live == wanted:
        return
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        have, want = cast(Mapping[str, Any], live), cast(Mapping[str, Any], wanted)
        for key in (*have, *(key for key in want if key not in have)):
            yield from changes(have.get(key), want.get(key), (*at, key))
    elif isinstance(live, list) and isinstance(wanted, list):
        yield from _item_changes(cast(list[Any], live), cast(list[Any], wanted), at)
    else:
        yield _difference(at, live, wanted)


def additions(live: Manifest, applied: Manifest) -> Iterator[Difference]:
    """Fields that nobody but strangers has set, and of which the stack says nothing.

    Applying does not take such a field away: only who set it may. So it shows in no dry run.
    """
    everyone = managers(live)
    foreign = {field: manager for manager in everyone if is_foreign(manager) for field in manager.fields}
    ours = {field for manager in everyone if not is_foreign(manager) for field in manager.fields}
    said = declared(applied)
    left = {field for field in foreign if field not in ours and field not in said}
    for field in sorted(left):
        if not any(field[:length] in left for length in range(1, len(field))):
            where = place(live, field)
            if where is not None:
                author = _author(foreign[field])
                shown, pointer = where.shown, where.pointer
                yield Difference(shown, where.value, None, author, declared=False, pointer=pointer, steps=where.steps)


def declared(applied: Manifest) -> frozenset[Path]:
    """The fields that the stack's manifest sets, as a dry run of applying it shows."""
    return frozenset(
        field for manager in managers(applied) if manager.name == DRIFT_MANAGER for field in manager.fields
    )


def _difference(at: Steps, live: Any, wanted: Any) -> Difference:
    return Difference(text_of(at), live, wanted, steps=at)


def _item_changes(live: list[Any], wanted: list[Any], at: Steps) -> Iterator[Difference]:
    if are_named(live) and are_named(wanted):
        have, want = ({f"[{item_name(items, n)}]": items[n] for n in range(len(items))} for items in (live, wanted))
        for key in (*have, *(key for key in want if key not in have)):
            yield from changes(have.get(key), want.get(key), (*at, key))
        if [*have] != [*want] and set(have) == set(want):
            yield _difference(at, *([f"{text_of(at)}{key}" for key in items] for items in (have, want)))
    elif len(live) == len(wanted):
        for index, (one, other) in enumerate(zip(live, wanted, strict=True)):
            yield from changes(one, other, (*at, f"[{index}]"))
    else:
        # Of lists without names, what the other has not says more than both in full.
        only = [item for item in live if item not in wanted], [item for item in wanted if item not in live]
        yield _difference(at, *only) if any(only) else _difference(at, live, wanted)


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value).items()
        return {key: _pruned(entry) for key, entry in entries if entry is not None and not _varies(entry)}
    if isinstance(value, list):
        return [_pruned(entry) for entry in cast(list[Any], value) if not _varies(entry)]
    return value


def _varies(value: object) -> bool:
    return isinstance(value, str) and VARIES in value


def authors_of(live: Manifest) -> dict[str, Manager]:
    """Who wrote each field, by its path; the last one where several did."""
    found: dict[str, Manager] = {}
    for manager in sorted(managers(live), key=lambda one: one.time):
        for field in manager.fields:
            where = place(live, field)
            if where is not None:
                found[where.shown] = manager
    return found


def _signed(one: Difference, authors: Mapping[str, Manager]) -> Difference:
    """A difference with who wrote the field, or what it is part of. Who took a field away has left no trace."""
    if one.live is None:
        return one
    above = one.path
    while above and above not in authors:
        above = above[: max(above.rfind("."), above.rfind("["), 0)]
    return replace(one, by=_author(authors[above])) if above else one


def _author(manager: Manager) -> str:
    return f"by {manager.name} at {manager.time}" if manager.time else f"by {manager.name}"


def _hidden(live: Manifest, one: Difference) -> Difference:
    """A difference without secret values."""
    if live["kind"] != "Secret" or not one.path.startswith(("data", "stringData")):
        return one
    seen, wanted = (None if value is None else SECRET for value in (one.live, one.wanted))
    return replace(one, live=seen, wanted=wanted)
