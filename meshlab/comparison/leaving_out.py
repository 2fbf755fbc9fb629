"""What a repository leaves out of the comment and the page on a pull request: `.meshlab/diff.yaml`.

The trees and the plain diff stay whole. What is left out is counted and said, and what forces a replacement is never.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from base.wording import counted
from kube.fields import Steps
from settings.object_rules import DiffRule, one_fits

from ..render.objects import KubernetesObject
from .changes import Change, differing, name_of
from .kept import covered, kept

CONTENTS = ("data", "stringData")
"""Fields of a Secret, whose values are hidden here: a mark tells whether they differ."""


@dataclass(frozen=True)
class Placed:
    """A rule, and the line of the file that it begins in."""

    line: int
    rule: DiffRule


@dataclass(frozen=True)
class Filter:
    """The file as it was read; without one, a filter that leaves out nothing."""

    name: str = ""
    rules: tuple[Placed, ...] = ()
    changed: bool = False
    """Whether the revision that is compared with has another one."""


@dataclass
class Shown:
    """The changes of a stack that are shown, and how much is left out."""

    changes: list[Change] = field(default_factory=list[Change])
    objects: Counter[int] = field(default_factory=Counter[int])
    """How many changed objects are left out as a whole, by the place of their rule."""
    fields: Counter[int] = field(default_factory=Counter[int])
    """How many changed fields of others are."""


def shown(changes: Iterable[Change], stack: str, leave_out: Filter) -> Shown:
    """What of a stack's changes is left once the rules of the filter are through."""
    found = Shown()
    for change in changes:
        place = change.one.kind, change.one.namespace, change.one.name
        rules = [
            (number, one.rule)
            for number, one in enumerate(leave_out.rules)
            if one_fits(one.rule.stacks, stack) and one.rule.fits(*place)
        ]
        whole = next((number for number, rule in rules if rule.fields is None), None)
        if whole is not None:
            found.objects[whole] += 1
            continue
        left = change
        for number, rule in rules:
            left, count = _without_fields(left, rule)
            found.fields[number] += count
        if left is change or left.differs:
            found.changes.append(left)
    return found


def _without_fields(change: Change, rule: DiffRule) -> tuple[Change, int]:
    """A change whose fields of a rule are as before, and how many of them were not. What comes or goes, does whole."""
    if change.before is None or change.after is None:
        return change, 0
    before, after = change.before, change.after
    manifest = cast(Mapping[str, Any], kept(before.manifest, after.manifest, rule.covers, name_of))
    count = sum(1 for _ in differing(after.manifest, manifest))
    secret = after.secret
    if secret != before.secret and any(rule.covers((name,)) for name in CONTENTS):
        secret, count = before.secret, count + 1
    if not count:
        return change, 0
    return replace(change, after=replace(after, manifest=manifest, secret=secret)), count


def told(one: Shown, leave_out: Filter) -> list[str]:
    """What is left out of a stack's changes, one line for each rule that leaves out something."""
    return [
        f"left out by {leave_out.name}, line {placed.line}: {_amount(one, number)}"
        + (f" ({placed.rule.reason})" if placed.rule.reason else "")
        for number, placed in enumerate(leave_out.rules)
        if one.objects[number] or one.fields[number]
    ]


def _amount(one: Shown, number: int) -> str:
    objects, fields = one.objects[number], one.fields[number]
    return counted(objects, "changed object") if objects else counted(fields, "changed field")


def unused(leave_out: Filter, objects: Mapping[str, Sequence[KubernetesObject]]) -> Iterator[str]:
    """The rules that are about nothing of some stacks, a line each. `objects` has those of both sides by stack."""
    for placed in leave_out.rules:
        got = _miss(placed.rule, objects)
        if got:
            yield (
                f"{leave_out.name}: line {placed.line}: expected a rule about something that the stacks have, "
                f"got {got} (correct it, or take it away)"
            )


def _miss(rule: DiffRule, objects: Mapping[str, Sequence[KubernetesObject]]) -> str:
    stacks = [stack for stack in objects if one_fits(rule.stacks, stack)]
    if not stacks:
        return f"none of the stacks {', '.join(objects)}"
    fitting = [
        object_
        for stack in stacks
        for object_ in objects[stack]
        if rule.fits(object_.kind, object_.namespace, object_.name)
    ]
    if not fitting:
        return "no object"
    if rule.fields is None:
        return ""
    missing = [path for path in rule.fields if not _anywhere(path, fitting)]
    return f"no object with {missing[0]}" if missing else ""


def _anywhere(path: str, objects: Iterable[KubernetesObject]) -> bool:
    only = DiffRule(fields=[path])

    def covers(steps: Steps) -> bool:
        return only.covers(steps)

    return any(covered(object_.manifest, covers, name_of) for object_ in objects)
