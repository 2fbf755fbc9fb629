"""What each resource of a recorded program waits for."""

from collections.abc import Iterable, Iterator, Mapping

from .recorder import Recorded


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


def _above(part: Recorded, by_urn: Mapping[str, Recorded]) -> Iterator[Recorded]:
    above = by_urn.get(part.parent)
    while above is not None:
        yield above
        above = by_urn.get(above.parent)
