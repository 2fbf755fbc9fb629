"""What each resource of a recorded program waits for, and what follows from it."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from functools import cache
from typing import TypeVar

from .recorder import Recorded

K = TypeVar("K", bound=Hashable)


def parts_of(resources: Iterable[Recorded]) -> dict[str, Recorded]:
    """By URN, what takes time to bring up: no component, and no provider, which everything needs."""
    return {
        resource.urn: resource
        for resource in resources
        if resource.custom and not resource.type.startswith("pulumi:providers:")
    }


def needs_of(resources: Iterable[Recorded]) -> dict[str, set[str]]:
    """By URN of each part, the parts that have to be there before it is begun.

    A component stands for what is in it, however deep. It is registered once all is there that it depends on, and its
    children after it: so they wait for that too.
    """
    listed = list(resources)
    by_urn, parts = {recorded.urn: recorded for recorded in listed}, parts_of(listed)
    inside: dict[str, set[str]] = {}
    for part in parts.values():
        for above in _above(part, by_urn):
            if not above.custom:
                inside.setdefault(above.urn, set()).add(part.urn)
    needs: dict[str, set[str]] = {}
    for part in parts.values():
        waiting = (part, *_above(part, by_urn))
        reasons = {urn for recorded in waiting for urn in (recorded.parent, *recorded.depends_on)}
        # The component that it is in is no reason to wait for its siblings.
        reasons = {urn for urn in reasons if part.urn not in inside.get(urn, ())}
        needs[part.urn] = {needed for urn in reasons for needed in inside.get(urn, {urn} & parts.keys())}
    return needs


def all_needs(needs: Mapping[K, Collection[K]]) -> dict[K, set[K]]:
    """What each waits for, itself or through others (transitive closure)."""
    return {need: set(_reached(need, needs)) for need in needs}


def reduced(needs: Mapping[K, Collection[K]]) -> dict[K, set[K]]:
    """The needs without those that follow from others (transitive reduction; resources wait in no circle)."""
    return {
        one: {other for other in direct if not any(other in _reached(between, needs) for between in direct)}
        for one, direct in needs.items()
    }


def longest_path(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The most that wait for one another in a row, the first to be begun first.

    Of equally long ones it is always the same: the first by the order of URNs, from the last resource back.
    """

    @cache
    def to(urn: str) -> tuple[str, ...]:
        return (*_longest(to(need) for need in sorted(needs[urn])), urn)

    return _longest(to(urn) for urn in sorted(needs))


def _longest(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return max(paths, key=len, default=())


def _reached(start: K, needs: Mapping[K, Collection[K]]) -> Iterator[K]:
    found: set[K] = set()
    ahead = list(needs.get(start, ()))
    while ahead:
        here = ahead.pop()
        if here not in found:
            found.add(here)
            yield here
            ahead += needs.get(here, ())


def _above(one: Recorded, by_urn: Mapping[str, Recorded]) -> Iterator[Recorded]:
    above = by_urn.get(one.parent)
    while above is not None:
        yield above
        above = by_urn.get(above.parent)
