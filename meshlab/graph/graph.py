"""What the picture of the program shows: components, their children, alike ones together, and what waits for what."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..recording.dependencies import needs_of, parts_of
from ..recording.recorder import Recorded
from ..recording.releases import RELEASE, component_of, releases_of
from ..recording.waits import reduced

_DIGEST = re.compile(r"-[0-9a-f]{10}$")
"""What the program puts behind the name of a ConfigMap whose change is to roll its Deployment."""


@dataclass(frozen=True)
class Card:
    """Resources of one component and one kind that wait for the same things and that the same things wait for."""

    component: str
    kind: str
    rows: tuple[tuple[str, str], ...]
    """Name of each resource and what else is to be said of it (a release's chart, or nothing), sorted."""


@dataclass(frozen=True)
class Picture:
    """The cards, and which waits for which. Both are sorted: the same program gives the same picture."""

    cards: tuple[Card, ...]
    arrows: tuple[tuple[Card, Card], ...]
    """The card that waits first. What follows from other arrows has none of its own."""

    @property
    def components(self) -> list[str]:
        """Names of the components, sorted."""
        return sorted({card.component for card in self.cards})


def picture_of(resources: Iterable[Recorded]) -> Picture:
    """The picture of recorded resources. The provider, which everything needs, is not in it."""
    listed = list(resources)
    by_urn = {resource.urn: resource for resource in listed}
    parts, waits = parts_of(listed), needs_of(listed)
    groups = _alike({urn: (component_of(one, by_urn), _kind(one)) for urn, one in parts.items()}, waits)
    charts = {release.resource: release.chart for release in releases_of(listed)}
    members: dict[int, list[str]] = {}
    for urn, group in groups.items():
        members.setdefault(group, []).append(urn)
    cards: dict[int, Card] = {}
    for group, urns in members.items():
        component, kind = component_of(parts[urns[0]], by_urn), _kind(parts[urns[0]])
        rows = sorted((_name(parts[urn], component), charts.get(parts[urn].name, "")) for urn in urns)
        cards[group] = Card(component, kind, tuple(rows))
    arrows: dict[int, set[int]] = {}
    for urn, others in waits.items():
        arrows.setdefault(groups[urn], set()).update(groups[needed] for needed in others)
    order = sorted(cards.values(), key=lambda card: (card.component, card.kind, card.rows))
    drawn = sorted(
        ((cards[waiting], cards[needed]) for waiting, others in reduced(arrows).items() for needed in others),
        key=lambda arrow: (order.index(arrow[0]), order.index(arrow[1])),
    )
    return Picture(tuple(order), tuple(drawn))


def _alike(first: Mapping[str, tuple[str, str]], waits: Mapping[str, set[str]]) -> dict[str, int]:
    """A number for each resource, equal for those that nothing but their names tells apart.

    Starts with component and kind, and splits groups by the groups that their members wait for, and are waited for by,
    until nothing splits any more (partition refinement).
    """
    waiting: dict[str, set[str]] = {urn: set() for urn in first}
    for urn, others in waits.items():
        for needed in others:
            waiting[needed].add(urn)
    groups = _numbered(first)
    while True:
        finer = _numbered(
            {
                urn: (group, *(tuple(sorted({groups[other] for other in side[urn]})) for side in (waits, waiting)))
                for urn, group in groups.items()
            }
        )
        if len(set(finer.values())) == len(set(groups.values())):
            return groups
        groups = finer


def _numbered(marks: Mapping[str, tuple[object, ...]]) -> dict[str, int]:
    numbers: dict[tuple[object, ...], int] = {}
    return {urn: numbers.setdefault(mark, len(numbers)) for urn, mark in sorted(marks.items())}


def _kind(one: Recorded) -> str:
    if one.type == RELEASE:
        return "Helm release"
    kind = one.type.rpartition(":")[2]
    return f"{kind.removesuffix('Patch')} (patch)" if kind.endswith("Patch") else kind


def _name(one: Recorded, component: str) -> str:
    """The name in the cluster, without a digest of the content; else the logical name within the component."""
    metadata = cast(Mapping[str, Any], one.inputs.get("metadata") or {})
    known = one.inputs["name"] if one.type == RELEASE else metadata.get("name")
    return _DIGEST.sub("", str(known)) if known else one.name.removeprefix(f"{component}-")
