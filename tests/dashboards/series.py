"""Time series by formula, written in the format that promtool backfills. No noise: rates can be computed by hand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

MINUTE = 60
Course = Callable[[float], float]
"""A value by seconds since the start."""

BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
"""Upper bounds of Envoy's histograms (without those beyond a minute)."""
SECONDS = (0.01, 0.1, 0.5, 1, 3, 5, 10, 20, 30)
"""Upper bounds of istiod's histograms of seconds."""
SIZES = (1, 10000, 1000000, 4000000, 10000000, 40000000)
"""Upper bounds of istiod's histogram of configuration sizes, in bytes."""

Profile = Mapping[float, float]
"""A distribution: share of the events up to a bound; between two bounds given it is a straight line, from 0 at 0."""


@dataclass(frozen=True)
class Series:
    """One time series from `since` to `until` (seconds from the start, less than 0 before it; else to the end)."""

    name: str
    labels: Mapping[str, str]
    course: Course
    since: float = 0
    until: float = float("inf")


def level(value: float) -> Course:
    """A gauge that stays where it is."""
    return lambda _: value


def slope(start: float, per_second: float) -> Course:
    """A gauge on a straight line."""
    return lambda seconds: start + per_second * seconds


def share_below(profile: Profile, bound: float) -> float:
    """The share of the events up to `bound`."""
    before, share = 0.0, 0.0
    for given, cumulated in sorted(profile.items()):
        if bound <= given:
            return share + (cumulated - share) * (bound - before) / (given - before)
        before, share = given, cumulated
    return 1.0


def mean(profile: Profile) -> float:
    """The mean of the events, each taken in the middle of its stretch."""
    before, share, total = 0.0, 0.0, 0.0
    for given, cumulated in sorted(profile.items()):
        total += (cumulated - share) * (before + given) / 2
        before, share = given, cumulated
    return total


def histogram(
    name: str,
    labels: Mapping[str, str],
    count: Course,
    profile: Profile,
    bounds: tuple[float, ...] = BOUNDS,
    since: float = 0,
    until: float = float("inf"),
) -> Iterator[Series]:
    """The series of a classic histogram whose number of events follows `count`."""
    for bound in bounds:
        share = share_below(profile, bound)
        yield Series(f"{name}_bucket", {**labels, "le": f"{bound:g}"}, _times(count, share), since, until)
    yield Series(f"{name}_bucket", {**labels, "le": "+Inf"}, count, since, until)
    yield Series(f"{name}_count", labels, count, since, until)
    yield Series(f"{name}_sum", labels, _times(count, mean(profile)), since, until)


def write(series: Iterator[Series], to: TextIO, start: int, length: int, step: int) -> None:
    """Write the samples of every series in OpenMetrics text, one sample each `step` seconds for `length` seconds."""
    for entry in series:
        text = ",".join(f'{label}="{value}"' for label, value in entry.labels.items())
        head = f"{entry.name}{{{text}}}"
        for seconds in range(min(0, int(entry.since)), length + 1, step):
            if entry.since <= seconds <= entry.until:
                to.write(f"{head} {entry.course(seconds):.10g} {start + seconds}\n")
    to.write("# EOF\n")


def _times(course: Course, factor: float) -> Course:
    return lambda seconds: course(seconds) * factor
