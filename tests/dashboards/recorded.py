"""What the recording rules make, for those who ask whether a metric or a label exists."""

from typing import Any

from settings.alert_rules import AlertThresholds, load_rules

from .catalogue import catalogue
from .promql import asked


def recording_rules() -> list[dict[str, Any]]:
    """The recording rules as the program would load them for the lab."""
    objects = load_rules(AlertThresholds(), "prom", "prometheus", "1-17")
    rules = [rule for entry in objects for group in entry["spec"]["groups"] for rule in group["rules"]]
    return [rule for rule in rules if "record" in rule]


RECORDED = {rule["record"]: asked(rule["expr"]) for rule in recording_rules()}
"""What each recording rule asks for, by its name."""


def labels_of(metric: str) -> set[str]:
    """The labels that a metric may carry, a recorded one those of its sources and what its rule adds."""
    if metric in catalogue():
        return set(catalogue()[metric].labels)
    made = RECORDED[metric]
    return {label for source in made.metrics for label in labels_of(source)} | made.made
