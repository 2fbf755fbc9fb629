"""The recorded program with one correction undone at a time."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshlab.recording.recorder import Recorded, Recording

CURRENT_KIALI = {"meshlab:kiali": {"version": "2.29.0"}}
DASHBOARD = "mesh-monitors-dashboard-"

Edit = Callable[[dict[str, Any]], object]
"""Changes a copy of one resource's inputs."""


@dataclass(frozen=True)
class Mutant:
    """One correction undone in one recorded resource."""

    name: str
    resource: str
    """The logical name of the resource that is changed."""
    undo: Edit = lambda inputs: None
    """Changes its inputs."""
    waits_no_more_for: str = ""
    """A resource that it no longer waits for."""
    waits_for: str = ""
    """One that it waits for without need."""
    drops: tuple[str, ...] = ()
    """Options that it loses."""
    type: str = ""
    """What it becomes instead."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings of the stack under which the correction matters."""

    def applied_to(self, program: Recording) -> Recording:
        """A copy of the program with the correction undone."""
        urns = {resource.name: resource.urn for resource in program.resources}
        before = program.named(self.resource)
        assert not self.waits_no_more_for or urns[self.waits_no_more_for] in before.depends_on
        assert set(self.drops) <= set(before.options)
        inputs = copy.deepcopy(dict(before.inputs))
        self.undo(inputs)
        depends_on = {*before.depends_on} - {urns.get(self.waits_no_more_for, "")}
        after = replace(
            before,
            inputs=inputs,
            type=self.type or before.type,
            depends_on=tuple(sorted(depends_on | ({urns[self.waits_for]} if self.waits_for else set()))),
            options={key: value for key, value in before.options.items() if key not in self.drops},
        )
        assert after != before, f"{self.name} changes nothing"
        return replace(
            program, resources=tuple(_one_or_other(resource, before, after) for resource in program.resources)
        )


def _one_or_other(one: Recorded, before: Recorded, after: Recorded) -> Recorded:
    return after if one.urn == before.urn else one


def dashboards_in_one(program: Recording) -> Recording:
    """All dashboards in the first one's ConfigMap."""
    maps = [resource for resource in program.resources if resource.name.startswith(DASHBOARD)]
    first, *rest = maps
    together = {name: text for resource in maps for name, text in resource.inputs["data"].items()}
    merged = replace(first, inputs={**first.inputs, "data": together})
    kept = [resource for resource in program.resources if resource not in rest]
    return replace(program, resources=tuple(_one_or_other(resource, first, merged) for resource in kept))


def _set(*path: str, to: Any) -> Edit:
    def undo(inputs: dict[str, Any]) -> None:
        for key in path[:-1]:
            inputs = inputs.setdefault(key, {})
        inputs[path[-1]] = to

    return undo


def _drop(*path: str) -> Edit:
    def undo(inputs: dict[str, Any]) -> None:
        for key in path[:-1]:
            inputs = inputs[key]
        del inputs[path[-1]]

    return undo


SKIP_AWAIT = ("metadata", "annotations", "pulumi.com/skipAwait")

MUTANTS = (
    Mutant("the alias spreads over all revisions", "mesh-rollout-istiod", _drop("spec", "selector", "istio.io/rev")),
    Mutant("the alias is waited for", "mesh-rollout-istiod", _drop(*SKIP_AWAIT)),
    Mutant(
        "the alias looks like a revision's Service",
        "mesh-rollout-istiod",
        _set("metadata", "labels", "istio.io/rev", to="1-17"),
    ),
    Mutant("the base chart's validator", "istio-base", _drop("values", "defaultRevision")),
    Mutant("Istio's CRDs from its crds folder", "istio-base", _drop("values", "base")),
    Mutant("metrics are not merged", "istio-istiod-1-17", _drop("values", "meshConfig", "enablePrometheusMerge")),
    Mutant("DNS is not captured", "istio-istiod-1-17", _drop("values", "meshConfig", "defaultConfig", "proxyMetadata")),
    Mutant(
        "namespace default belongs to the program",
        "istio-mesh-default",
        type="kubernetes:core/v1:Namespace",
    ),
    Mutant("CRDs inside the stack's release", "monitoring-stack", _set("skipCrds", to=False)),
    Mutant("CRDs inside Kiali's release", "kiali-release", _set("skipCrds", to=False)),
    Mutant("CRDs of another operator", "monitoring-crds", _set("version", to="31.0.1")),
    Mutant("a dashboard that Grafana does not look for", f"{DASHBOARD}istio-mesh", _drop("metadata", "labels")),
    Mutant("the operator's CRDs go with the stack", "monitoring-crds", drops=("retainOnDelete",)),
    Mutant("Kiali's CRD goes with the stack", "kiali-crd", drops=("retainOnDelete",)),
    Mutant("helm's own time limit", "monitoring-stack", _set("timeout", to=300)),
    Mutant("a password in the values", "monitoring-stack", _set("values", "grafana", "adminPassword", to="<secret>")),
    Mutant("Grafana's own administrator", "monitoring-stack", _drop("values", "grafana", "admin", "existingSecret")),
    Mutant("Prometheus in the mesh", "monitoring-namespace", _set("metadata", "labels", to={"istio.io/rev": "1-17"})),
    Mutant("monitors wait for the stack", "mesh-monitors-envoy-stats-monitor", waits_for="monitoring-stack"),
    Mutant("a monitor comes before its CRD", "mesh-monitors-envoy-stats-monitor", waits_no_more_for="monitoring-crds"),
    Mutant("a monitor is waited for", "mesh-monitors-istio-component-monitor", _drop(*SKIP_AWAIT)),
    Mutant(
        "a monitor without the release", "mesh-monitors-envoy-stats-monitor", _drop("metadata", "labels", "release")
    ),
    Mutant(
        "rules without the release",
        "mesh-monitors-rules-mesh-recording-workload",
        _drop("metadata", "labels", "release"),
    ),
    Mutant("Kiali's chart by a range", "kiali-release", _set("version", to="1.59")),
    Mutant("Kiali before its operator", "kiali-kiali", waits_no_more_for="kiali-release"),
    Mutant("Kiali before its CRD", "kiali-release", waits_no_more_for="kiali-crd"),
    Mutant("Kiali waits for the stack", "kiali-kiali", waits_for="monitoring-stack"),
    Mutant("Kiali before istiod", "kiali-kiali", waits_no_more_for="istio-istiod-1-17"),
    Mutant(
        "Kiali 2 with a field of Kiali 1",
        "kiali-kiali",
        _set("spec", "istio_namespace", to="istio-system"),
        config=CURRENT_KIALI,
    ),
    Mutant("httpbin before istiod", "envoy-demo-httpbin-deployment", waits_no_more_for="istio-istiod-1-17"),
    Mutant("httpbin before the label", "envoy-demo-httpbin-deployment", waits_no_more_for="istio-mesh-default"),
)
