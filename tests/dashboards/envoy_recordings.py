"""Reads what envoy_recorder.py recorded of the real Envoy: recordings/envoy/<scenario>-<backend>.txt.

A file holds the exposed text of several scrapes at once: one line a series, with its value at each scrape, `-` before
the series was there, and one value where it never changed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .series import Course, Series

FOLDER = Path(__file__).with_name("recordings") / "envoy"
LENGTH, STEP = 150, 15
"""Seconds that a recording lasts, and seconds between two scrapes."""
GROWING = {"envoy_server_uptime"}
"""Gauges that go on where a recording begins anew."""
LINE = re.compile(r"(\w+)\{(.*)\} (.+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Recorded:
    """One series of a recording."""

    name: str
    labels: Mapping[str, str]
    values: tuple[float | None, ...]
    """At the start and at each scrape; None before the series was there."""
    grows: bool

    def again_and_again(self, since: float) -> Course:
        """The recording in a loop from `since` on; what only grows goes on from where it was."""
        values = [value or 0.0 for value in self.values]
        gain = values[-1] - values[0] if self.grows else 0.0

        def course(seconds: float) -> float:
            passed = round(seconds - since)
            # The start counts once: where a round ends, the next one goes on.
            rounds = max(0, passed - 1) // LENGTH
            return rounds * gain + values[(passed - rounds * LENGTH) // STEP]

        return course

    @property
    def born(self) -> float:
        """Seconds from the start until the series is there."""
        return next(number for number, value in enumerate(self.values) if value is not None) * STEP


@cache
def recording(name: str) -> tuple[Recorded, ...]:
    """Every series of a recording."""
    found: list[Recorded] = []
    kinds: dict[str, str] = {}
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        if line.startswith("# TYPE "):
            metric, kind = line.split()[2:]
            kinds[metric] = kind
        elif match := LINE.fullmatch(line):
            metric, labels, values = match.groups()
            numbers = tuple(None if value == "-" else float(value) for value in values.split())
            grows = kinds[metric.removesuffix("_bucket")] != "gauge" or metric in GROWING
            scrapes = LENGTH // STEP + 1
            found.append(
                Recorded(metric, dict(LABEL.findall(labels)), numbers * (scrapes // len(numbers)), grows),
            )
    return tuple(found)


def names() -> list[str]:
    """Every recording that there is."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def played(name: str, target: Mapping[str, str], since: float, until: float = float("inf")) -> Iterator[Series]:
    """A recording with the labels of its target, from `since` to `until` in a loop, and that its target is up."""
    yield Series("up", target, lambda _: 1.0, since, until)
    for sample in recording(name):
        yield Series(
            sample.name, {**target, **sample.labels}, sample.again_and_again(since), since + sample.born, until
        )
