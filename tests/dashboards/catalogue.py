"""Reads catalogue.yaml: which metrics there are, what kind they are and which labels they carry."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("catalogue.yaml")


@dataclass(frozen=True)
class Metric:
    """A metric as a query names it; a histogram is three of them."""

    name: str
    kind: str
    labels: frozenset[str]
    own_labels: frozenset[str]
    versions: frozenset[str]
    source: str


@cache
def catalogue() -> dict[str, Metric]:
    """Every metric by name; a histogram stands as its _bucket, _sum and _count."""
    content = yaml.safe_load(FILE.read_text())
    metrics: dict[str, Metric] = {}
    for group in content["groups"]:
        added = set(content["targets"][group["target"]])
        for name, entry in group["metrics"].items():
            own = {*group.get("labels", ()), *entry.get("labels", ())}
            parts = {"": own}
            if entry["kind"] == "histogram":
                parts = {"_bucket": own | {"le"}, "_sum": own, "_count": own}
            for suffix, labels in parts.items():
                metrics[name + suffix] = Metric(
                    name + suffix,
                    entry["kind"],
                    frozenset(labels | added),
                    frozenset(labels),
                    frozenset(group.get("versions", ())),
                    group["source"],
                )
    return metrics


def shipped_with_istio() -> dict[str, set[str]]:
    """Metric names that Istio's own dashboards ask for, by Istio version, without those that nothing exposes."""
    content = yaml.safe_load(FILE.read_text())
    gone = set(content["exposed_by_nothing"])
    return {version: set(names) - gone for version, names in content["shipped_with_istio"].items()}
