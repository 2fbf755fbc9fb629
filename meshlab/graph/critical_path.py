"""The chain of resources that decided how long an `up` took: each the one that the next had to wait for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..engine.events import Run, Span
from ..recording.waits import all_needs, reduced


@dataclass(frozen=True)
class ChainLink:
    """One resource of the chain."""

    span: Span
    gap: float
    """Seconds between what it waited for being done (for the first: the start of the `up`) and its own beginning: the
    program and the provider getting ready, the provider checking it (which loads a release's chart), no place being
    free among those that run side by side, or the old object of a replacement being removed first."""


@dataclass(frozen=True)
class Chain:
    """The resources in the order of time. All their seconds and gaps are the end of the last one."""

    links: tuple[ChainLink, ...]
    seconds: float
    """What the whole `up` took; after the last link, the engine ends, and removes what the program no longer has."""
    among: int
    """How many resources it is chosen from: those of the program that have times in the log."""

    @property
    def own(self) -> float:
        """Seconds that the resources of the chain took themselves."""
        return sum(link.span.seconds for link in self.links)

    @property
    def gaps(self) -> float:
        """Seconds between them."""
        return sum(link.gap for link in self.links)


def chain_of(run: Run, needs: Mapping[str, Collection[str]]) -> Chain:
    """From the resource that ended last, back over what it waited for that ended last, to one that waited for nothing.

    What has no times in the log is passed over: with its needs in its place. A chain without links is that of a run in
    which none of the resources of `needs` was begun.
    """
    timed = {urn: run.spans[urn] for urn in needs if urn in run.spans}
    needed = {urn: others & timed.keys() for urn, others in all_needs(needs).items() if urn in timed}
    waits = reduced(needed)
    links: list[ChainLink] = []
    ahead: Collection[str] = timed
    while ahead:
        last = _last([timed[urn] for urn in ahead], needed)
        ahead = waits[last.urn]
        before = max((timed[urn].ended for urn in ahead), default=0.0)
        links.append(ChainLink(last, last.began - before))
    return Chain(tuple(reversed(links)), run.seconds, len(timed))


def _last(spans: Collection[Span], needed: Mapping[str, Collection[str]]) -> Span:
    """The one that ended last. Of several at the same time, as the log has it, not one that another of them needs."""
    end = max(span.ended for span in spans)
    together = [span for span in spans if span.ended == end]
    free = [span for span in together if not any(span.urn in needed[other.urn] for other in together)]
    return max(free, key=lambda span: (span.seconds, span.urn))
