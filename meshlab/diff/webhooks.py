"""Webhooks and policies that decide over other objects: which come, go and change."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from ..comparison.changes import Change, at, differing, text_of
from ..render.objects import KubernetesObject

WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
POLICIES = (
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def webhook_changes(changes: Iterable[Change]) -> Iterator[tuple[KubernetesObject, str]]:
    """Each webhook configuration or admission policy that is not the same, and how each of its webhooks changes."""
    for change in changes:
        if change.one.kind in WEBHOOKS and not change.version_only:
            yield from ((change.one, text) for text in _configuration(change))
        elif change.one.kind in POLICIES and not change.version_only:
            fields = ", ".join(text_of(path) for path in change.fields)
            yield change.one, f"policy {change.action}{f': {fields}' if fields else ''}"


def _configuration(change: Change) -> Iterator[str]:
    before, after = _webhooks(change.before), _webhooks(change.after)
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"new: {name}, {_reach(after[name])}"
        elif name not in after:
            yield f"gone: {name}"
        elif before[name] != after[name]:
            fields = [_told(path, before[name], after[name]) for path in differing(before[name], after[name])]
            yield f"changed: {name}: {', '.join(fields)}"


def _webhooks(one: KubernetesObject | None) -> dict[str, Mapping[str, Any]]:
    listed = cast(list[Mapping[str, Any]], one.manifest.get("webhooks") or []) if one else []
    return {str(webhook["name"]): webhook for webhook in listed}


def _reach(webhook: Mapping[str, Any]) -> str:
    """What a new webhook is asked about, and what happens when it does not answer."""
    asked = [
        " of ".join(", ".join(cast(list[str], rule.get(field) or [])) for field in ("operations", "resources"))
        for rule in cast(list[Mapping[str, Any]], webhook.get("rules") or [])
    ]
    return f"asked on {'; '.join(asked) or 'nothing'}, failurePolicy {webhook.get('failurePolicy') or 'Fail'}"


def _told(path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    old, new = at(before, *path), at(after, *path)
    plain = all(value is None or isinstance(value, str | int | bool) for value in (old, new))
    if not plain or path[-1] == "caBundle":
        return text_of(path)
    shown = ("unset" if value is None else value for value in (old, new))
    return f"{text_of(path)} {' becomes '.join(map(str, shown))}"
