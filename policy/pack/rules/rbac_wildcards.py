"""Rights are spelled out, except where listed: a wildcard also grants what does not exist yet."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..allowed import allowed
from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import DeclaredRelease, Object, Subject, entries, mapping
from ..walk import places

NAME = "rbac-wildcards"
_EVERYTHING = "cluster-admin"


def _check(subject: Subject, settings: PackSettings) -> Findings:
    found: Iterable[tuple[str, str]] = ()
    if isinstance(subject, DeclaredRelease):
        found = _in_values(subject)
    elif subject.kind in ("Role", "ClusterRole"):
        found = _in_rules(subject.manifest.get("rules"), "rules")
    elif subject.kind in ("RoleBinding", "ClusterRoleBinding"):
        found = _in_binding(subject)
    told: set[str] = set()
    for path, finding in found:
        # Rules of one role often grant the same thing twice.
        if finding not in told and not allowed(NAME, subject, finding):
            told.add(finding)
            yield f"{path}: expected rights that are spelled out, got {finding} (exceptions: allowed/{NAME}.yaml)"


def _in_rules(rules: Any, top: str) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(entries(rules)):
        for finding in _wildcards(mapping(rule)):
            yield f"{top}[{number}]", finding


def _in_values(release: DeclaredRelease) -> Iterator[tuple[str, str]]:
    """A chart's values can bring rules of a role."""
    for place in places(release.values, "values"):
        if place.key == "verbs":
            for finding in _wildcards(place.around):
                yield place.path.removesuffix(".verbs"), finding


def _in_binding(subject: Object) -> Iterator[tuple[str, str]]:
    if mapping(subject.manifest.get("roleRef")).get("name") == _EVERYTHING:
        yield "roleRef", f"the role {_EVERYTHING}"


def _wildcards(rule: Mapping[str, Any]) -> Iterator[str]:
    """What a rule grants without saying it: `every verb on apps/deployments`, `every resource of apps`."""
    groups, resources, verbs, urls = (
        [str(entry) for entry in entries(rule.get(key))]
        for key in ("apiGroups", "resources", "verbs", "nonResourceURLs")
    )
    for group in groups:
        if group == "*":
            yield "every API group"
            continue
        for resource in resources:
            if resource == "*":
                yield f"every resource of {group or 'core'}"
            if "*" in verbs:
                yield f"every verb on {group or 'core'}/{resource}"
    if "*" in groups and "*" in verbs:
        yield "every verb on every API group"
    if urls and ("*" in verbs or "*" in urls):
        yield "every address or verb of the API server"


RULE = PolicyRule(
    NAME, "Roles name their API groups, resources and verbs; wildcards and cluster-admin only where listed.", _check
)
