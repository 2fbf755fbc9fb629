"""A part of the monitoring stack that its values switch off is expected by nobody; the rest is held to all of it."""

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from base.merging import merged
from meshlab.promote.evidence import Evidence, refusals
from meshlab.recording.recorder import record
from meshlab.results.outcome import Result, Status
from meshlab.results.report import Commit, Report, RunVerdict, Subject
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_checks
from settings.models import Settings
from settings.names import StackNames
from settings.stack_parts import SWITCHES, Part, is_on
from tests.support.rendering import TARGET, renderer_of
from tests.support.stacks import overlaid, settings_of
from tests.verify.running_pods import World

GRAFANA = ["lab03.grafana-access", "lab03.grafana-source"]
DASHBOARDS = [
    f"lab03.dashboard-{name}"
    for name in (
        "envoy-demo",
        *(f"istio-{it}" for it in ("control-plane", "mesh", "performance", "service", "workload")),
    )
]
OF_PART: dict[Part, list[str]] = {
    "alertmanager": ["lab03.alertmanager"],
    "dashboards": DASHBOARDS,
    "datasources": ["lab03.grafana-source"],
    "grafana": ["lab03.grafana", "lab03.grafana-config", *GRAFANA, *DASHBOARDS],
    "kube-state-metrics": ["lab03.kube-state-metrics"],
    "node-exporter": ["lab03.node-exporter"],
    "prometheus": [
        *(
            "lab03.prometheus",
            "lab03.selected",
            "lab03.targets-istiod",
            "lab03.targets-sidecars",
            "lab03.targets-envoy",
        ),
        *("lab03.rules-loaded", "lab03.load", "lab03.kiali-prometheus", "lab03.kiali-graph"),
        *(check.replace(".dashboard-", ".queries-") for check in DASHBOARDS),
    ],
    "prometheus-operator": ["lab03.prometheus-operator"],
}
OBJECTS: dict[Part, set[str]] = {
    "alertmanager": {"Alertmanager prom-kube-prometheus-stack-alertmanager"},
    "grafana": {"Deployment prom-grafana", "Service prom-grafana", "ConfigMap prom-grafana"},
    "kube-state-metrics": {"Deployment prom-kube-state-metrics"},
    "node-exporter": {"DaemonSet prom-prometheus-node-exporter"},
    "prometheus": {"Prometheus prom-kube-prometheus-stack-prometheus", "Service prom-kube-prometheus-stack-prometheus"},
    "prometheus-operator": {"Deployment prom-kube-prometheus-stack-operator"},
}
"""What the checks of a part look at."""


def switch(path: str, to: Any) -> dict[str, Any]:
    """Values with one switch."""
    return functools.reduce(lambda inner, key: {key: inner}, reversed(path.split(".")), to)


@functools.cache
def stack(path: str, to: Any, of: str = "dev") -> tuple[Program, Settings]:
    config = overlaid(of, {"monitoring": {"values": switch(path, to)}})
    return Program.of_resources(record(of, config=config).resources), settings_of(of, config)


def results(world: World) -> dict[str, Result]:
    with world.running() as cluster:
        found = run_checks(all_checks(world.settings), world.settings, world.program, cluster, lambda line: None)
    return {outcome.id: outcome for outcome in found}


@pytest.mark.parametrize("part", SWITCHES)
def test_a_part_that_is_off_is_not_applicable_and_the_rest_passes(part: Part) -> None:
    found = results(World(*stack(SWITCHES[part], False)))
    assert [f"{outcome.id}: {outcome.seen}" for outcome in found.values() if outcome.status is Status.FAILED] == []
    off = {
        outcome.id
        for outcome in found.values()
        if outcome.status is Status.NOT_APPLICABLE and "switched off" in outcome.seen
    }
    assert off == set(OF_PART[part])
    assert {found[check].seen for check in off} == {
        f"the stack has it switched off (monitoring.values.{SWITCHES[part]}: false)"
    }


@pytest.mark.parametrize("part", SWITCHES)
@pytest.mark.parametrize("said", [True, None, "false"])
def test_only_a_false_switches_a_part_off(part: Part, said: Any) -> None:
    assert is_on(switch(SWITCHES[part], said), part)
    assert not is_on(switch(SWITCHES[part], False), part)
    assert is_on({}, part)


def test_what_is_off_in_the_values_is_not_missed_where_it_is_on() -> None:
    world = World(*stack("nodeExporter.enabled", True))
    world.cluster.remove("DaemonSet", "prom-prometheus-node-exporter", world.settings.monitoring.namespace)
    assert results(world)["lab03.node-exporter"].status is Status.FAILED


def test_prod_without_what_a_cluster_forbids_passes() -> None:
    values = {name: {"enabled": False} for name in ("nodeExporter", "grafana", "kubeStateMetrics", "alertmanager")}
    config = overlaid("prod", {"monitoring": {"values": values}})
    recording = record("prod", config=config)
    world = World(Program.of_resources(recording.resources), settings_of("prod", config))
    found = results(world)
    now = datetime.now(UTC)
    subject = Subject(
        "prod", "cluster", embedded=False, kubernetes="v1.34.4", tree=Commit("a" * 40, False), labs=(1, 2, 3)
    )
    report = Report(subject, now, now, tuple(found.values()))
    assert report.verdict is RunVerdict.PASSED, report.summary()
    assert report.counts["passed"] >= 20
    # So that its deployment is green, and it can be promoted from.
    evidence = Evidence(subject.tree, file_changed=False, update=None, labs=frozenset(subject.labs))
    (missing,) = refusals("prod", report.document(), Path("prod.json"), evidence)
    assert "no state of it here" in missing
    assert found["lab03.addresses"].expected == "Services prom-kube-prometheus-stack-prometheus 9090"
    # Nothing points at what is not there.
    assert recording.named("kiali-kiali").inputs["spec"]["external_services"]["grafana"] == {"enabled": False}
    assert not [name for name in recording.outputs if name.startswith("grafana")]


def test_access_and_dashboards_are_as_the_values_say_in_the_end() -> None:
    values = {"grafana": {"grafana.ini": {"auth.anonymous": {"enabled": False}}, "defaultDashboardsEnabled": True}}
    config = overlaid("dev", {"monitoring": {"values": values}})
    settings = settings_of("dev", config)
    assert settings.monitoring.grafana_anonymous
    world = World(Program.of_resources(record("dev", config=config).resources), settings)
    names = StackNames("prom", "prometheus")
    labels = {"grafana_dashboard": "1", "chart": "kube-prometheus-stack-42.2.1"}
    world.cluster.add(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{names.fullname}-nodes", "namespace": names.namespace, "labels": labels},
        }
    )
    found = results(world)["lab03.grafana-config"]
    assert (found.status, found.seen) == (Status.PASSED, "anonymous off, 1 of the chart's own dashboards")
    assert found.expected == "anonymous off, also the chart's own dashboards"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_chart_makes_what_is_looked_at_and_nothing_of_it_where_that_is_off(name: str) -> None:
    renderer = renderer_of([name])

    def rendered(values: dict[str, Any]) -> set[str]:
        recording = record(name, config=overlaid(name, {"monitoring": {"values": values}}))
        found = renderer.recorded(name, recording.resources, None, TARGET)
        return {
            f"{object_.manifest['kind']} {object_.manifest['metadata']['name']}"
            for object_ in found.objects
            if object_.release
        }

    looked_at = set[str]().union(*OBJECTS.values())
    switches = [SWITCHES[part] for part in OBJECTS]
    assert looked_at <= rendered({})
    assert not looked_at & rendered(functools.reduce(merged, (switch(path, False) for path in switches)))
    assert looked_at <= rendered(functools.reduce(merged, (switch(path, "false") for path in switches)))
