"""The program's monitors with one correction undone at a time, for a real operator and a real Prometheus to read."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import claims
from .claims import Object, Target

Claim = Callable[[Iterable[Target], Iterable[Object]], None]
ISTIOD, SIDECAR, STANDALONE = "istio-component-monitor", "envoy-stats-monitor", "envoy-demo-monitor"

CLAIMS: Mapping[str, Claim] = {
    ISTIOD: claims.each_istiod_is_one_target,
    SIDECAR: claims.each_sidecar_is_one_target,
    STANDALONE: claims.the_standalone_envoy_is_one_target,
}
"""What is claimed of the targets of each monitor."""


@dataclass(frozen=True)
class Mutant:
    """One correction undone."""

    name: str
    monitor: str
    """The monitor of the program that is changed."""
    undo: Callable[[dict[str, Any]], object]
    """Changes a copy of that monitor."""
    shows: str
    """What the claim must complain of: it must fail for this reason and not for another."""

    @property
    def called(self) -> str:
        """The mutated monitor's name in the cluster."""
        return f"mutant-{self.name}"

    def applied_to(self, original: Object) -> dict[str, Any]:
        """The mutated monitor, to be put beside the original."""
        metadata = original["metadata"]
        mutated = {
            "apiVersion": original["apiVersion"],
            "kind": original["kind"],
            "metadata": {"name": self.called, "namespace": metadata["namespace"], "labels": dict(metadata["labels"])},
            "spec": copy.deepcopy(original["spec"]),
        }
        self.undo(mutated)
        return mutated


def _without_condition(key: str) -> Callable[[dict[str, Any]], object]:
    def undo(monitor: dict[str, Any]) -> None:
        selector = monitor["spec"]["selector"]
        kept = [expression for expression in selector["matchExpressions"] if expression["key"] != key]
        assert len(kept) == len(selector["matchExpressions"]) - 1
        selector["matchExpressions"] = kept

    return undo


def _relabelings(monitor: dict[str, Any]) -> list[dict[str, Any]]:
    spec = monitor["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    return endpoint["relabelings"]


def _without_relabeling(matches: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any]], object]:
    def undo(monitor: dict[str, Any]) -> None:
        rules = _relabelings(monitor)
        (gone,) = [rule for rule in rules if matches(rule)]
        rules.remove(gone)

    return undo


def _keep_without_regex(monitor: dict[str, Any]) -> None:
    (rule,) = [
        rule
        for rule in _relabelings(monitor)
        if rule.get("sourceLabels") == ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"]
    ]
    del rule["regex"]


def _the_labs_address_rewrite(monitor: dict[str, Any]) -> None:
    """One rule that takes the host out of the address that discovery found, as the lab has it."""
    rules = _relabelings(monitor)
    first, second = [rule for rule in rules if rule.get("targetLabel") == "__address__"]
    rules[rules.index(first)] = {
        "action": "replace",
        "sourceLabels": ["__address__", "__meta_kubernetes_pod_annotation_prometheus_io_port"],
        "regex": r"([^:]+)(?::\d+)?;(\d+)",
        "replacement": "$1:$2",
        "targetLabel": "__address__",
    }
    rules.remove(second)


def _the_labs_job_label(monitor: dict[str, Any]) -> None:
    _without_relabeling(lambda rule: rule.get("targetLabel") == "job")(monitor)
    monitor["spec"]["jobLabel"] = "envoy-stats"


MUTANTS = (
    Mutant("istiod-by-every-service", ISTIOD, _without_condition("istio.io/rev"), '"service": "istiod"'),
    Mutant("istiod-by-its-tag", ISTIOD, _without_condition("istio.io/tag"), "istiod-revision-tag-"),
    Mutant("istiod-without-app", ISTIOD, lambda one: one["spec"].pop("targetLabels"), "missing"),
    Mutant("istiod-job-of-a-value", ISTIOD, lambda one: one["spec"].update(jobLabel="pilot"), '"job": "istiod-1-17"'),
    Mutant("istiod-without-revision", ISTIOD, lambda one: one["spec"]["endpoints"][0].pop("relabelings"), "missing"),
    Mutant("istiod-not-selected", ISTIOD, lambda one: one["metadata"]["labels"].pop("release"), "0 seen"),
    Mutant("istiod-nearby-only", ISTIOD, lambda one: one["spec"].pop("namespaceSelector"), "0 seen"),
    Mutant("sidecars-not-selected", SIDECAR, lambda one: one["metadata"]["labels"].pop("release"), "0 seen"),
    Mutant("sidecars-nearby-only", SIDECAR, lambda one: one["spec"].pop("namespaceSelector"), "0 seen"),
    Mutant("sidecars-without-annotation", SIDECAR, _keep_without_regex, '"pod": "not-merged"'),
    Mutant(
        "sidecars-and-applications",
        SIDECAR,
        _without_relabeling(lambda rule: rule.get("regex") == "istio-proxy"),
        '"container": "app"',
    ),
    Mutant("sidecars-that-ask-not-to", SIDECAR, _without_condition("istio-prometheus-ignore"), '"pod": "ignored"'),
    Mutant("sidecars-address-of-the-lab", SIDECAR, _the_labs_address_rewrite, "missing http://[fd00:"),
    Mutant(
        "sidecars-ipv4-only",
        SIDECAR,
        _without_relabeling(lambda rule: rule.get("replacement") == "[$1]:$2"),
        "missing http://[fd00:",
    ),
    Mutant("sidecars-job-of-the-lab", SIDECAR, _the_labs_job_label, '"job": "prometheus/mutant-'),
    Mutant(
        "sidecars-without-revision",
        SIDECAR,
        _without_relabeling(lambda rule: rule.get("targetLabel") == "istio_rev"),
        "missing",
    ),
    Mutant("standalone-not-selected", STANDALONE, lambda one: one["metadata"]["labels"].pop("release"), "0 seen"),
    Mutant("standalone-nearby-only", STANDALONE, lambda one: one["spec"].pop("namespaceSelector"), "0 seen"),
)
