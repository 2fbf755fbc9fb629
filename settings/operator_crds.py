"""Which prometheus-operator-crds belongs to a kube-prometheus-stack: both charts name their operator as appVersion.

A folder of packed charts is asked first, then the released versions in operator_crds.yaml. No repository is asked: the
program waits for no network. What was released since is read into the file by `meshlab charts pairs`.
"""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from .charts import Chart, ChartSource
from .names import STACK_CHART
from .versions import minor, parse_version

CRDS_CHART = "prometheus-operator-crds"
TABLE = Path(__file__).with_name("operator_crds.yaml")


@dataclass(frozen=True)
class Released:
    """The appVersion of released charts, as it stands in them."""

    until: str
    """The newest kube-prometheus-stack that was read."""
    stacks: Mapping[str, str]
    """By the first version of kube-prometheus-stack that has it, up to the next one; the last holds up to `until`."""
    crds: Mapping[str, str]
    """By each version of prometheus-operator-crds."""

    def operator(self, stack: str) -> str | None:
        """The appVersion of a kube-prometheus-stack; None where it is newer than the table, or older."""
        wanted = parse_version(stack)
        before = [first for first in self.stacks if parse_version(first) <= wanted]
        if not before or wanted > parse_version(self.until):
            return None
        return self.stacks[max(before, key=parse_version)]


@cache
def released(path: Path = TABLE) -> Released:
    """The table of released charts."""
    document = cast(dict[str, Any], yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    return Released(document["until"], document[STACK_CHART], document[CRDS_CHART])


def crds_of(stack: str, source: ChartSource, table: Released | None = None) -> str | None:
    """The prometheus-operator-crds that belongs to a kube-prometheus-stack; None where nothing says which."""
    table = table or released()
    operator = _operator(stack, source.folder, table)
    if operator is None:
        return None
    known = _newest(_fitting(operator, table.crds))
    if source.folder is None or (known and _fits(operator, _packed(source.folder, CRDS_CHART, known))):
        return known
    return _newest(_fitting(operator, _packed_crds(source.folder))) or known


def misfit(stack: str, crds: str, source: ChartSource, table: Released | None = None) -> str | None:
    """What was expected where the CRDs are known to be of another operator than the stack; else None."""
    table = table or released()
    packed = _packed(source.folder, CRDS_CHART, crds) if source.folder else None
    operator, theirs = _operator(stack, source.folder, table), packed or table.crds.get(crds)
    if operator is None:
        # Newer than the table: no older operator's CRDs are its own.
        newest = table.operator(table.until) or ""
        late = parse_version(stack) > parse_version(table.until)
        return f"those of a newer operator than {newest}" if late and theirs and _older(theirs, newest) else None
    fitting = {crds: theirs} if packed else table.crds
    if crds in _fitting(operator, fitting):
        return None
    return crds_of(stack, source, table) or f"those of operator {operator}"


def _operator(stack: str, folder: Path | None, table: Released) -> str | None:
    return (_packed(folder, STACK_CHART, stack) if folder else None) or table.operator(stack)


def _fitting(operator: str, charts: Mapping[str, str | None]) -> list[str]:
    """The versions with the very operator; where none has it, those of its minor version, whose CRDs are the same."""
    very = [version for version, theirs in charts.items() if theirs and _plain(theirs) == _plain(operator)]
    return very or [version for version, theirs in charts.items() if _fits(operator, theirs)]


def _fits(operator: str, theirs: str | None) -> bool:
    return theirs is not None and minor(theirs) == minor(operator)


def _older(operator: str, other: str) -> bool:
    return parse_version(_plain(operator)) < parse_version(_plain(other))


def _newest(versions: list[str]) -> str | None:
    return max(versions, key=parse_version, default=None)


def _plain(app_version: str) -> str:
    return app_version.removeprefix("v")


def _packed_crds(folder: Path) -> dict[str, str | None]:
    return {chart.version: _packed(folder, *chart) for chart in Chart.packed_in(folder, CRDS_CHART)}


def _packed(folder: Path, chart: str, version: str) -> str | None:
    """The appVersion of a packed chart; None where there is no such chart, or none that says it."""
    try:
        # Not as a stream: tarfile reads no gzip header with an extra field in one, and helm writes that.
        with tarfile.open(folder / Chart(chart, version).file, "r:gz") as package:
            for member in package:
                content = package.extractfile(member) if member.name == f"{chart}/Chart.yaml" else None
                if content is not None:
                    described = yaml.load(content.read(), yaml.CSafeLoader)
                    return str(described["appVersion"])
    except (OSError, EOFError, tarfile.TarError, yaml.YAMLError, KeyError, TypeError):
        return None
    return None
