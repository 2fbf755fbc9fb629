"""What every tool is asked to do, in this order, and the settings that say what it comes to."""

from collections.abc import Mapping
from typing import Any

from meshlab.stack import Stack

STACK = "dev"
NEWER = "next"
"""The stack whose versions the upgrade goes to."""

PHASES: Mapping[str, str] = {
    "up": "first installation, on an empty cluster",
    "no-op": "reporting that nothing would change",
    "change": "one value: the retention of Prometheus",
    "upgrade": "all charts to their current versions, Istio's as a second revision beside the first",
    "destroy": "removal of everything",
}
CHANGED_RETENTION = "9d"


def overlay(phase: str) -> dict[str, Any]:
    """What is laid over the stack's file when a phase begins: what earlier phases have changed stays changed."""
    names = list(PHASES)
    over: dict[str, Any] = {"kiali": {"awaitReady": False}}  # no operator runs on the embedded cluster to report it
    if names.index(phase) >= names.index("change"):
        over["monitoring"] = {"retention": CHANGED_RETENTION}
    if names.index(phase) >= names.index("upgrade"):
        over = _newer(over)
    return over


def _newer(over: dict[str, Any]) -> dict[str, Any]:
    here, there = Stack.load(STACK).config, Stack.load(NEWER).config
    revisions = {
        name: {"version": revision["version"]}
        for config in (here, there)
        for name, revision in config["meshlab:istio"]["revisions"].items()
    }
    return {
        **over,
        "istio": {"revisions": revisions, "defaultRevision": next(iter(here["meshlab:istio"]["revisions"]))},
        "monitoring": {**over["monitoring"], "version": there["meshlab:monitoring"]["version"]},
        "kiali": {**over["kiali"], "version": there["meshlab:kiali"]["version"]},
    }
