"""What the figures should come to, each held to what was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .figures import Spread
from .first_run import MIRROR, REGISTRY, WARM
from .tools import TOOLS
from .tools.empty import Empty
from .tools.helm import HelmInARow, HelmSideBySide
from .tools.program import Lab, Pulumi

FIRST_DESTROY_SECONDS = 19.9
"""What `destroy` took with the first wiring of the program, median of three, on a machine of two cores."""
MEGABYTE = 1e6
FIRST_RUN: Mapping[str, tuple[str, float, str]] = {
    REGISTRY: ("cpu_seconds", 13.5, "CPU min"),
    MIRROR: ("first_resource_seconds", 60.0, "s"),
    WARM: ("seconds", 20.0, "s"),
}
"""What a first run is held to: the field, the limit, and its unit. The first limit is what `make up` cost at 41550c1,
which built no engine."""


@dataclass(frozen=True)
class Limit:
    """A limit, and the median that was measured."""

    what: str
    limit: float
    found: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the median keeps to the limit."""
        return self.found <= self.limit


def medians(comparison: dict[str, Any], field: str = "seconds") -> dict[tuple[str, str], float]:
    """The median of a field by tool and phase, over the repetitions that did not fail."""
    return {key: spread.median for key, spread in spreads(comparison, field).items()}


def spreads(comparison: dict[str, Any], field: str = "seconds") -> dict[tuple[str, str], Spread]:
    """The spread of a field by tool and phase, over the repetitions that did not fail."""
    values: dict[tuple[str, str], list[float]] = {}
    for run in comparison["runs"]:
        if "failed" not in run:
            values.setdefault((run["tool"], run["phase"]), []).append(run[field])
    return {key: Spread.of(found) for key, found in values.items()}


def of_comparison(comparison: dict[str, Any]) -> list[Limit]:
    """Targets that are about one tool beside another; those of a tool that was left out are left out too."""
    return list(_against_others(medians(comparison)))


def _against_others(seconds: dict[tuple[str, str], float]) -> Iterator[Limit]:
    for ours in (Lab.name, Pulumi.name):
        for phase, other, limit in (
            ("up", HelmInARow.name, 0.75),
            ("up", HelmSideBySide.name, 1.0),
            ("no-op", Empty.name, 2.0),
        ):
            mine, theirs = seconds.get((ours, phase)), seconds.get((other, phase))
            if mine is not None and theirs is not None:
                what = f"{phase}: {TOOLS[ours].label} beside {TOOLS[other].label}"
                yield Limit(what, limit, mine / theirs, "x")
        destroyed = seconds.get((ours, "destroy"))
        if destroyed is not None:
            what = f"destroy: {TOOLS[ours].label} beside the first wiring's {FIRST_DESTROY_SECONDS} s"
            yield Limit(what, 0.7, destroyed / FIRST_DESTROY_SECONDS, "x")


def of_program(program: dict[str, Any]) -> list[Limit]:
    """Targets of the program and of the command line by themselves."""

    def median(measure: str, field: str) -> float:
        return Spread.of([run[field] for run in program["runs"] if run["measure"] == measure]).median

    return [
        Limit("import and registration of the whole program", 0.7, median("program", "seconds"), "s"),
        Limit("memory of that", 90.0, median("program", "memory_bytes") / MEGABYTE, "MB"),
        Limit("`meshlab --help`", 0.25, median("help", "seconds"), "s"),
        Limit("`meshlab render` of dev", 3.0, median("render", "seconds"), "s"),
    ]


def of_first_run(first_run: dict[str, Any]) -> list[Limit]:
    """Targets of a newcomer's first and second `make up`, as far as they were run."""
    told = {
        REGISTRY: "first `make up`, everything built: CPU time",
        MIRROR: "first `make up`, release files from a server on this machine: to the first resource",
        WARM: "second `make up`, from warm caches: to its last line",
    }
    found: list[Limit] = []
    for run in first_run["runs"]:
        field, limit, unit = FIRST_RUN[run["run"]]
        found.append(Limit(told[run["run"]], limit, run[field] / (60 if unit == "CPU min" else 1), unit))
    return found
