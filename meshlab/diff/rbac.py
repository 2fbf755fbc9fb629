"""Who may do more than before: new verbs, resources and names in a role, and new subjects of a binding."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, cast

from ..comparison.changes import Change, at
from ..render.objects import KubernetesObject

ROLES = ("Role", "ClusterRole")
BINDINGS = ("RoleBinding", "ClusterRoleBinding")
RBAC = "rbac.authorization.k8s.io"
ANY = "*"
_URL = "URL"
_AGGREGATES = f"{RBAC}/aggregate-to-"


class Grant(NamedTuple):
    """One thing that a rule allows. A URL outside of the API is a resource of the group `URL`."""

    group: str
    resource: str
    name: str
    verb: str


def widened(changes: Iterable[Change]) -> Iterator[tuple[KubernetesObject, str]]:
    """Each role or binding that allows more than before, and what."""
    for change in changes:
        if change.after is None or change.one.group != RBAC:
            continue
        if change.one.kind in ROLES:
            yield from ((change.one, text) for text in _role(change))
        elif change.one.kind in BINDINGS:
            yield from ((change.one, text) for text in _binding(change))


def new_grants(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Grant]:
    """What the role `after` allows and `before` does not, wildcards understood."""
    old = grants(before or {})
    return sorted(grant for grant in grants(after) if not any(_covers(held, grant) for held in old))


def grants(role: Mapping[str, Any]) -> set[Grant]:
    """Everything that a role's rules allow, one by one."""
    found: set[Grant] = set()
    for rule in cast(list[Mapping[str, Any]], role.get("rules") or []):
        verbs = cast(list[str], rule.get("verbs") or [])
        names = cast(list[str], rule.get("resourceNames") or [ANY])
        groups, resources = cast(list[str], rule.get("apiGroups") or []), cast(list[str], rule.get("resources") or [])
        found |= {Grant(*parts) for parts in product(groups, resources, names, verbs)}
        urls = cast(list[str], rule.get("nonResourceURLs") or [])
        found |= {Grant(_URL, url, ANY, verb) for url, verb in product(urls, verbs)}
    return found


def _covers(old: Grant, new: Grant) -> bool:
    if (old.group == _URL) != (new.group == _URL):
        return False
    return (
        old.group in (ANY, new.group)
        and _covers_resource(old, new)
        and old.name in (ANY, new.name)
        and old.verb in (ANY, new.verb)
    )


def _covers_resource(old: Grant, new: Grant) -> bool:
    if old.group == _URL:
        return old.resource == new.resource or (
            old.resource.endswith(ANY) and new.resource.startswith(old.resource.removesuffix(ANY))
        )
    if old.resource in (ANY, new.resource):
        return True
    # `*/scale` is the subresource scale of every resource.
    return old.resource.startswith("*/") and new.resource.endswith(old.resource.removeprefix(ANY))


def _role(change: Change) -> Iterator[str]:
    before = change.before.manifest if change.before else None
    assert change.after is not None
    old = grants(before or {})
    fresh = new_grants(before, change.after.manifest)
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for grant in fresh:
        lifted = grant.name == ANY and any(held.name != ANY and _covers(held._replace(name=ANY), grant) for held in old)
        extent = (
            "of any name, where names were listed" if lifted else "" if grant.name == ANY else f"named {grant.name}"
        )
        verbs.setdefault((grant.group, grant.resource, extent), []).append(grant.verb)
    # One line for all that gets the same: a new version of an operator has a dozen of these.
    resources: dict[tuple[str, str, str], list[str]] = {}
    for (group, resource, extent), allowed in verbs.items():
        resources.setdefault((group, ", ".join(allowed), extent), []).append(resource)
    for (group, allowed, extent), names in resources.items():
        parts = ("" if before else "new role:", f"{allowed} on", _where(group, names), extent)
        yield " ".join(part for part in parts if part)
    yield from _aggregation(before, change.after.manifest)


def _where(group: str, resources: Sequence[str]) -> str:
    listed = ", ".join(resources)
    if group == _URL:
        return f"the {'URL' if len(resources) == 1 else 'URLs'} {listed}"
    return f"{listed} of {group}" if group else listed


def _aggregation(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[str]:
    old, new = (cast(Mapping[str, str], at(item, "metadata", "labels") or {}) for item in (before, after))
    for label, value in new.items():
        if label.startswith(_AGGREGATES) and value == "true" and old.get(label) != "true":
            yield f"what it allows becomes part of the role {label.removeprefix(_AGGREGATES)}"
    if after.get("aggregationRule") and (before or {}).get("aggregationRule") != after["aggregationRule"]:
        yield "takes in every role that its aggregationRule selects"


def _binding(change: Change) -> Iterator[str]:
    assert change.after is not None
    before, after = change.before.manifest if change.before else None, change.after.manifest
    role = f"{at(after, 'roleRef', 'kind')} {at(after, 'roleRef', 'name')}"
    known, subjects = _subjects(before or {}), _subjects(after)
    if before is not None and before.get("roleRef") != after.get("roleRef"):
        was = f"{at(before, 'roleRef', 'kind')} {at(before, 'roleRef', 'name')}"
        yield f"binds {role} instead of {was} to {', '.join(subjects) or 'nobody'}"
        return
    for subject in subjects:
        if subject not in known:
            yield f"{'new binding: ' if before is None else ''}gives {role} to {subject}"


def _subjects(binding: Mapping[str, Any]) -> list[str]:
    return [_subject(subject) for subject in cast(list[Mapping[str, Any]], binding.get("subjects") or [])]


def _subject(subject: Mapping[str, Any]) -> str:
    name = str(subject.get("name"))
    return (
        f"{subject.get('kind')} {subject['namespace']}/{name}"
        if subject.get("namespace")
        else f"{subject.get('kind')} {name}"
    )
