"""Which charts a stack's releases were installed from, by the state, and whether they are the ones at hand."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..recording.recorder import Recorded
from ..recording.releases import RELEASE
from ..target import LabError

PACKAGE = "description"
"""The input that names the file of a chart and its digest; a chart of a repository has none."""


def refuse_other_charts(deployment: Mapping[str, Any], resources: Mapping[str, Recorded], on: str) -> None:
    """Raise LabError where a release has the version of the stack, from another chart than the one at hand.

    Object by object, the cluster would get a part of the other chart, and the state would know nothing of it. `on`
    are the options of a command that means this stack on this cluster.
    """
    found = list(_others(deployment, resources))
    if found:
        more = f"; and {len(found) - 1} more" if found[1:] else ""
        raise LabError(
            f"{found[0]}{more}; nothing was changed",
            f"name the charts that are installed: --charts FOLDER; or install these first: meshlab up {on}",
        )


def _others(deployment: Mapping[str, Any], resources: Mapping[str, Recorded]) -> Iterator[str]:
    stored = cast(list[Mapping[str, Any]], deployment.get("resources") or [])
    for item in stored:
        name = str(item["urn"]).rpartition("::")[2]
        if item["type"] != RELEASE or name not in resources or item.get("delete"):
            continue
        before, now = cast(Mapping[str, Any], item.get("inputs") or {}), resources[name].inputs
        if before.get("version") == now.get("version") and before.get(PACKAGE) != now.get(PACKAGE):
            yield f"release {now['name']}: expected the installed chart {_told(before)}, got {_told(now)}"


def _told(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get(PACKAGE) or f"{inputs.get('chart')} {inputs.get('version')} of a repository")
