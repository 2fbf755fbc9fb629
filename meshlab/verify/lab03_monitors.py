"""Lab 03: the objects that tell Prometheus and Grafana about the mesh."""

import json
from functools import partial

from base.assets import load_dashboards
from components.mesh_monitors import ENVOY_DEMO_MONITOR, MONITORS
from kube.api_objects import Manifest, mapping
from kube.objects import CONFIG_MAPS, PROMETHEUSES, labels_of, name_of, resource_of
from settings.models import Settings

from ..comparison.declared import differences
from ..results.outcome import Failed, NotApplicable, Seen
from .check import Check, Context
from .objects import fetched
from .program import Program
from .reach import require_part, stack_names
from .workloads import as_declared, components

RULE = "PrometheusRule"
SELECTORS = {
    "ServiceMonitor": "serviceMonitorSelector",
    "PodMonitor": "podMonitorSelector",
    RULE: "ruleSelector",
}
COMPONENTS = ("monitoring", "mesh-monitors", "kiali")


def checks(settings: Settings) -> list[Check]:
    """The checks of monitors, rules and dashboards as objects."""
    declared = f"as declared, label release={stack_names(settings).release}"
    return [
        *(
            Check(f"lab03.{file}", f"monitor {file} is there", declared, partial(_monitor, file))
            for file in (*MONITORS, ENVOY_DEMO_MONITOR)
        ),
        Check("lab03.rules", "the mesh's rules are there", declared, _rules),
        Check(
            "lab03.selected",
            "Prometheus selects the lab's monitors and rules",
            "the labels of each fit the selectors of the Prometheus object",
            _selected,
        ),
        Check(
            "lab03.dashboards",
            "the dashboards are there for Grafana to load",
            f"{len(load_dashboards())} ConfigMaps, label grafana_dashboard=1, as in this tree",
            _dashboards,
        ),
        Check(
            "lab03.declared",
            "the rest of the program's objects for Lab 03 is there",
            f"what else components {', '.join(COMPONENTS)} declare beside their charts, as declared",
            partial(components, names=COMPONENTS, seen_elsewhere=_seen_elsewhere),
        ),
    ]


def _seen_elsewhere(manifest: Manifest) -> bool:
    """Monitors, rules, dashboards and the Kiali object."""
    return manifest["kind"] in (*SELECTORS, "Kiali") or "grafana_dashboard" in labels_of(manifest)


def declared_rules(program: Program) -> list[Manifest]:
    """The rules of the mesh as this stack has them."""
    return program.of_kind(RULE)


def _monitor(name: str, context: Context) -> Seen:
    if name == ENVOY_DEMO_MONITOR and not context.settings.envoy_demo.enabled:
        raise NotApplicable("the stack has envoyDemo.enabled: false")
    for manifest in _monitors(context.program):
        if name_of(manifest) == name:
            live = as_declared(context, manifest)
            break
    else:
        raise Failed(f"the program itself declares no monitor {name}")
    shown = live["spec"]["endpoints" if "endpoints" in live["spec"] else "podMetricsEndpoints"][0]
    selector = mapping(live["spec"].get("namespaceSelector"))
    where = "all namespaces" if selector.get("any") else ", ".join(selector.get("matchNames") or ["its own namespace"])
    return Seen(f"{shown.get('port') or shown.get('path')} every {shown['interval']}, in {where}")


def _monitors(program: Program) -> list[Manifest]:
    return [monitor for kind in SELECTORS if kind != RULE for monitor in program.of_kind(kind)]


def _rules(context: Context) -> Seen:
    wanted = declared_rules(context.program)
    for rule in wanted:
        as_declared(context, rule)
    count = sum(len(group["rules"]) for rule in wanted for group in rule["spec"]["groups"])
    return Seen(f"{len(wanted)} PrometheusRules, {count} rules", tuple(name_of(rule) for rule in wanted))


def _selected(context: Context) -> Seen:
    require_part(context, "prometheus")
    names = stack_names(context.settings)
    prometheus = fetched(context.cluster, PROMETHEUSES, names.prometheus, names.namespace)
    monitors, rules = _monitors(context.program), declared_rules(context.program)
    for manifest in (*monitors, *rules):
        kind, name = str(manifest["kind"]), name_of(manifest)
        live = fetched(context.cluster, resource_of(manifest), name, str(manifest["metadata"]["namespace"]))
        # Without a selector it selects nothing, with an empty one everything.
        if (selector := prometheus["spec"].get(SELECTORS[kind])) is None:
            raise Failed(f"{kind} {name} is not selected: the Prometheus object has no {SELECTORS[kind]}")
        if wrong := list(differences(mapping(selector.get("matchLabels")), labels_of(live))):
            raise Failed(f"{kind} {name} is not selected: label {wrong[0]}")
    return Seen(f"{len(monitors)} monitors, {len(rules)} PrometheusRules")


def _dashboards(context: Context) -> Seen:
    names = stack_names(context.settings)
    wanted = load_dashboards()
    for dashboard, text in wanted.items():
        config_map = fetched(context.cluster, CONFIG_MAPS, f"dashboard-{dashboard}", names.namespace)
        if labels_of(config_map).get("grafana_dashboard") != "1":
            raise Failed(f"ConfigMap {name_of(config_map)} lacks the label grafana_dashboard=1")
        live = str(mapping(config_map.get("data")).get(f"{dashboard}.json", ""))
        if not live or json.loads(live) != json.loads(text):
            raise Failed(f"ConfigMap {name_of(config_map)} has another {dashboard}.json than this tree")
    return Seen(", ".join(wanted))
