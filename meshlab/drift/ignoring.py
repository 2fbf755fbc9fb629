"""What a stack's own rules say is no drift (drift.ignore), beside what drift knows itself."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kube.api_objects import Manifest
from kube.fields import Manager, Steps, name_of_item, place, text_of
from settings.object_rules import DriftRule, one_fits

from ..comparison.finding import DriftFinding, Ignored, What
from ..comparison.ignore_rules import Scaled, is_ignored
from ..comparison.kept import covered, kept, without
from ..comparison.live import authors_of, told
from ..comparison.platforms import without_terms
from ..render.objects import KubernetesObject

Place = tuple[str, str, str]
"""Kind, namespace and name of an object."""
Covers = Callable[[Steps], bool]


class Ignoring:
    """The rules of one stack."""

    def __init__(self, rules: Sequence[DriftRule]) -> None:
        self._rules = tuple(enumerate(rules))

    def whole(self, finding: DriftFinding) -> Ignored | None:
        """The finding, where a rule is about objects as a whole: one that is gone, or going, only where it says so."""
        gone = finding.what is What.DELETED or (finding.what is What.EDITED and _is_going(finding.live))
        for number, rule in self._about(finding):
            if rule.whole and (rule.deleted or not gone):
                return Ignored(number, rule.reason, finding)
        return None

    def split(
        self, finding: DriftFinding, applied: Manifest, scaled: Collection[Scaled]
    ) -> tuple[DriftFinding | None, list[Ignored]]:
        """What is left of an edited object's finding, and what is ignored of it.

        `applied` is what a dry run of applying the stack's manifest gives.
        """
        rules = list(self._about(finding))
        if not rules or not finding.differences:
            return finding, []
        live = without_terms(finding.live, applied)
        authors = authors_of(live)
        wanted: Manifest = applied
        beside = [difference for difference in finding.differences if not difference.declared or not difference.steps]
        ignored: list[Ignored] = []
        for number, rule in rules:
            covers = _covering(rule, authors)
            without_rule, wanted = wanted, kept(live, wanted, covers, name_of_item)
            mine = [
                difference for difference in beside if (covers(difference.steps) if difference.steps else rule.deleted)
            ]
            beside = [difference for difference in beside if difference not in mine]
            mine = [*told(live, wanted, without_rule, scaled), *mine]
            if mine:
                ignored.append(Ignored(number, rule.reason, replace(finding, differences=tuple(mine))))
        left = (*told(live, live, wanted, scaled), *beside)
        if not left or not ignored:
            return (finding, []) if left else (None, ignored)
        target = kept(live, wanted, lambda steps: is_ignored(live, text_of(steps), scaled), name_of_item)
        target = without(target, {difference.steps for difference in left if not difference.declared}, name_of_item)
        free = frozenset(
            field
            for field in finding.declared
            if (where := place(applied, field)) is None
            or not any(_covering(rule, authors)(where.steps) for _, rule in rules)
        )
        return replace(finding, differences=left, declared=free, target=target), ignored

    def remarks(self, objects: Iterable[KubernetesObject], others: Iterable[Place]) -> Iterator[str]:
        """What has to be said of the rules themselves. `others` are what they may be about beside objects."""
        manifests: dict[Place, Any] = {
            (object_.kind, object_.namespace, object_.name): object_.manifest for object_ in objects
        }
        labels = {(object_.kind, object_.namespace, object_.name): object_.label for object_ in objects}
        places = [*manifests, *others]
        for number, rule in self._rules:
            fitting = [place for place in places if rule.fits(*place)]
            if not fitting:
                yield f"drift.ignore[{number}] is about no object of the stack (correct its patterns, or take it away)"
            elif rule.whole:
                named = [labels.get(place) or _label(place) for place in fitting]
                yield f"drift.ignore[{number}] covers all that the stack itself sets of {_listed(named)}"
            elif rule.fields:
                said = {
                    place: covered(manifests[place], rule.covers, name_of_item)
                    for place in fitting
                    if place in manifests
                }
                named = [f"{text_of(paths[0])} of {labels[place]}" for place, paths in said.items() if paths]
                if named:
                    yield f"drift.ignore[{number}] covers what the stack itself sets: {_listed(named)}"

    def _about(self, finding: DriftFinding) -> Iterator[tuple[int, DriftRule]]:
        place = finding.kind, finding.namespace, finding.name
        return ((number, rule) for number, rule in self._rules if rule.fits(*place))


def _is_going(live: Manifest | None) -> bool:
    return live is not None and "deletionTimestamp" in live["metadata"]


def _covering(rule: DriftRule, authors: Mapping[str, Manager]) -> Covers:
    def covers(steps: Steps) -> bool:
        if not rule.covers(steps):
            return False
        return rule.managers is None or _written_by(rule.managers, text_of(steps), authors)

    return covers


def _written_by(patterns: Sequence[str], path: str, authors: Mapping[str, Manager]) -> bool:
    """Whether some managers wrote all that is at and below a path, as far as the API server knows."""
    found = {who.name for field, who in authors.items() if field == path or field.startswith((f"{path}.", f"{path}["))}
    if not found:
        # Part of a value that the API server keeps as one.
        found = {who.name for field, who in authors.items() if path.startswith((f"{field}.", f"{field}["))}
    return bool(found) and all(one_fits(patterns, name) for name in found)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _label(place: Place) -> str:
    kind, namespace, name = place
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
