"""Lab 03: the monitoring stack's own workloads and settings."""

from functools import partial

from components.stack_values import final_values, grafana_is_open
from kube.api_objects import mapping
from kube.objects import (
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    SERVICES,
    STATEFUL_SETS,
    labels_of,
    listed,
    name_of,
)
from settings.models import Settings
from settings.stack_parts import Part, is_on

from ..results.outcome import Failed, Seen
from .check import Check, Context
from .objects import available, fetched
from .reach import require_operator, require_part, stack_names

_MADE_BY_OPERATOR: tuple[Part, ...] = ("prometheus", "alertmanager")


def checks(settings: Settings) -> list[Check]:
    """The checks of the stack itself."""
    names = stack_names(settings)
    deployments: dict[Part, str] = {
        "prometheus-operator": names.operator,
        "grafana": names.grafana,
        "kube-state-metrics": f"{names.release}-kube-state-metrics",
    }
    made: dict[Part, str] = {part: f"{part}-{names.fullname}-{part}" for part in _MADE_BY_OPERATOR}
    ports = _ports(settings)
    own, wanted = _own_dashboards(settings), is_anonymous(settings)
    return [
        *(
            Check(f"lab03.{part}", f"{part} runs", f"Deployment {name}, all pods ready", partial(_workload, part, name))
            for part, name in deployments.items()
        ),
        Check(
            "lab03.node-exporter",
            "node-exporter runs on each node",
            "a ready pod on each node it is for",
            _node_exporter,
        ),
        *(
            Check(
                f"lab03.{part}",
                f"{part} runs",
                f"StatefulSet {name}, made by the operator, all pods ready",
                partial(_by_operator, part, name),
            )
            for part, name in made.items()
        ),
        Check(
            "lab03.addresses",
            "Prometheus and Grafana are where `up` says",
            f"Services {', '.join(f'{name} {port}' for name, port in ports.items()) or 'none'}",
            _addresses,
        ),
        Check(
            "lab03.grafana-config",
            "Grafana is configured as the settings say",
            f"anonymous {_on(wanted)}, {'also' if own else 'none of'} the chart's own dashboards",
            _grafana_config,
        ),
    ]


def _on(setting: bool) -> str:
    return "on" if setting else "off"


def _ports(settings: Settings) -> dict[str, int]:
    """The port of each Service that `up` tells of."""
    names = stack_names(settings)
    told: tuple[tuple[Part, str, int], ...] = (
        ("prometheus", names.prometheus, names.prometheus_port),
        ("grafana", names.grafana, names.grafana_port),
    )
    return {name: port for part, name, port in told if is_on(settings.monitoring.values, part)}


def _own_dashboards(settings: Settings) -> bool:
    """Whether the stack's values ask for the dashboards that the chart brings."""
    return bool(mapping(settings.monitoring.values.get("grafana")).get("defaultDashboardsEnabled"))


def is_anonymous(settings: Settings) -> bool:
    """Whether people get into Grafana who have not signed in, going by the values in the end."""
    return grafana_is_open(final_values(settings.monitoring, stack_names(settings), settings.cluster))


def _workload(part: Part, name: str, context: Context) -> Seen:
    require_part(context, part)
    namespace = context.settings.monitoring.namespace
    return Seen(f"{available(context.cluster, fetched(context.cluster, DEPLOYMENTS, name, namespace))} ready")


def _node_exporter(context: Context) -> Seen:
    require_part(context, "node-exporter")
    monitoring = context.settings.monitoring
    name = f"{monitoring.release}-prometheus-node-exporter"
    live = fetched(context.cluster, DAEMON_SETS, name, monitoring.namespace)
    status = mapping(live.get("status"))
    # Not on every node: selectors, taints and other systems than Linux leave some out, which Kubernetes knows.
    ready, nodes = int(status.get("numberReady", 0)), int(status.get("desiredNumberScheduled", 0))
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        raise Failed("its last change has not been seen by its controller")
    if ready != nodes or not nodes:
        raise Failed(f"{ready} of {nodes} nodes")
    return Seen(f"{ready} of {nodes} nodes")


def _by_operator(part: Part, name: str, context: Context) -> Seen:
    require_part(context, part)
    namespace = context.settings.monitoring.namespace
    if not any(name_of(item) == name for item in listed(context.cluster, STATEFUL_SETS, namespace)):
        require_operator(context, stack_names(context.settings).operator, namespace)
        raise Failed(f"StatefulSet {name} is not there: see the operator's log")
    return Seen(f"{available(context.cluster, fetched(context.cluster, STATEFUL_SETS, name, namespace))} ready")


def _addresses(context: Context) -> Seen:
    names, told = stack_names(context.settings), _ports(context.settings)
    if not told:
        require_part(context, "prometheus")
    seen: list[str] = []
    for name, port in told.items():
        service = fetched(context.cluster, SERVICES, name, names.namespace)
        ports = [int(entry["port"]) for entry in service["spec"]["ports"]]
        if port not in ports:
            raise Failed(f"Service {name} has the ports {', '.join(map(str, ports))}")
        seen.append(f"{name} {port}")
    return Seen(", ".join(seen))


def _grafana_config(context: Context) -> Seen:
    require_part(context, "grafana")
    names, wanted = stack_names(context.settings), is_anonymous(context.settings)
    data = mapping(fetched(context.cluster, CONFIG_MAPS, names.grafana, names.namespace).get("data"))
    _, _, section = str(data.get("grafana.ini", "")).partition("[auth.anonymous]")
    lines = (line.partition("=") for line in section.partition("\n[")[0].splitlines())
    live = any(key.strip() == "enabled" and value.strip() == "true" for key, _, value in lines)
    # The chart labels what is its own; ours are the program's.
    chart = [
        name_of(item)
        for item in listed(context.cluster, CONFIG_MAPS, names.namespace, {"grafana_dashboard": "1"})
        if {"chart", "helm.sh/chart"} & labels_of(item).keys()
    ]
    seen = f"anonymous {_on(live)}, {len(chart)} of the chart's own dashboards"
    if live != wanted or (chart and not _own_dashboards(context.settings)):
        raise Failed(seen, tuple(chart))
    return Seen(seen)
