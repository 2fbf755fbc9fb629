"""Reads from a chart repository's index which operator each kube-prometheus-stack and prometheus-operator-crds has.

The program does not: it waits for no network. It reads settings/operator_crds.yaml, which is brought up to date here.
"""

import re
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from base.errors import MeshlabError
from settings.charts import UPSTREAM, ChartSource
from settings.names import STACK_CHART
from settings.operator_crds import CRDS_CHART, TABLE, Released
from settings.versions import parse_version

ANSWER_LIMIT_SECONDS = 60.0
FIRST = "41.0.0"
"""The first kube-prometheus-stack whose operator's CRDs are a chart of their own."""

_RELEASE = re.compile(r"\d+\.\d+\.\d+")
_HEADER = """\
# The appVersion of released charts, which is their operator's version. Written by `meshlab charts pairs` from the index
# of a chart repository; settings/operator_crds.py reads it. kube-prometheus-stack has the first version of each
# appVersion, and `until` the newest version that was read.
"""


def app_versions(source: ChartSource) -> dict[str, dict[str, str]]:
    """The appVersion of each released version of the two charts, by chart. Raises MeshlabError."""
    repository = source.source or UPSTREAM[STACK_CHART]
    if source.folder is not None or not repository.startswith(("http://", "https://")):
        got = "a folder, which the program reads by itself" if source.folder else "a registry, which lists no versions"
        raise MeshlabError(f"{repository}: expected a chart repository with an index, got {got}")
    url = f"{repository.rstrip('/')}/index.yaml"
    request = urllib.request.Request(url, headers={"User-Agent": "meshlab"})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_SECONDS) as response:
            return of_index(response.read().decode(), url)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise MeshlabError(f"{url}: cannot be read: {getattr(reason, 'strerror', None) or reason}") from None


def of_index(text: str, url: str) -> dict[str, dict[str, str]]:
    """The same, of an index's text. Raises MeshlabError where it is no index of these charts."""
    try:
        index: Any = yaml.load(text, yaml.CSafeLoader)
        entries = cast(Mapping[str, list[dict[str, Any]]], index["entries"])
        found = {
            chart: {
                str(entry["version"]): str(entry["appVersion"])
                for entry in entries[chart]
                if _RELEASE.fullmatch(str(entry["version"]))
            }
            for chart in (STACK_CHART, CRDS_CHART)
        }
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise MeshlabError(f"{url}: expected an index with {STACK_CHART} and {CRDS_CHART}, got {error!r}") from None
    return found


def extended(table: Released, found: Mapping[str, Mapping[str, str]]) -> Released:
    """The table with what was released since. Raises MeshlabError where the index has not all that the table has."""
    stacks, crds = found[STACK_CHART], found[CRDS_CHART]
    gone = sorted({*table.stacks, *([table.until] if table.stacks else [])} - stacks.keys(), key=parse_version)
    gone += sorted(table.crds.keys() - crds.keys(), key=parse_version)
    if gone:
        # From a choice of versions nobody can tell where a new operator began.
        raise MeshlabError(
            f"expected an index with every released version, such as upstream's, got one without {gone[0]}"
        )
    first = parse_version(table.until if table.stacks else FIRST)
    rows = dict(table.stacks)
    for version in sorted(stacks, key=parse_version):
        if parse_version(version) >= first and stacks[version] != next(reversed(rows.values()), None):
            rows[version] = stacks[version]
    newest = max(stacks, key=parse_version)
    return Released(newest, rows, {version: crds[version] for version in sorted(crds, key=parse_version)})


def text(table: Released) -> str:
    """The file's content."""
    document = {"until": table.until, STACK_CHART: dict(table.stacks), CRDS_CHART: dict(table.crds)}
    return _HEADER + yaml.safe_dump(document, sort_keys=False)


def write(table: Released, path: Path = TABLE) -> None:
    """Write the file, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(text(table), encoding="utf-8")
    draft.replace(path)
