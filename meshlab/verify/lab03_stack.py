"""Lab 03: the monitoring stack's own workloads and settings."""

from functools import partial

from components.settings import Settings

from .access import mapping
from .objects import (
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    NODES,
    SERVICES,
    STATEFUL_SETS,
    available,
    fetched,
    labels_of,
    listed,
    name_of,
    nothing_runs,
)
from .outcome import Check, Context, Failed, NotApplicable, Seen
from .reach import stack_names


def checks(settings: Settings) -> list[Check]:
    """The checks of the stack itself."""
    names = stack_names(settings)
    deployments = {
        "prometheus-operator": names.operator,
        "grafana": names.grafana,
        "kube-state-metrics": f"{names.release}-kube-state-metrics",
    }
    made = {part: f"{part}-{names.fullname}-{part}" for part in ("prometheus", "alertmanager")}
    return [
        *(
            Check(f"lab03.{part}", f"{part} runs", f"Deployment {name}, all pods ready", partial(_workload, name))
            for part, name in deployments.items()
        ),
        Check("lab03.node-exporter", "node-exporter runs on each node", "a ready pod on each node", _node_exporter),
        *(
            Check(
                f"lab03.{part}",
                f"{part} runs",
                f"StatefulSet {name}, made by the operator, all pods ready",
                partial(_by_operator, name),
            )
            for part, name in made.items()
        ),
        Check(
            "lab03.addresses",
            "Prometheus and Grafana are where `up` says",
            f"Services {names.prometheus} 9090, {names.grafana} 80",
            _addresses,
        ),
        Check(
            "lab03.grafana-config",
            "Grafana is configured as the settings say",
            f"anonymous {_on(settings.monitoring.grafana_anonymous)}, none of the chart's own dashboards",
            _grafana_config,
        ),
    ]


def _on(setting: bool) -> str:
    return "on" if setting else "off"


def _workload(name: str, context: Context) -> Seen:
    namespace = context.settings.monitoring.namespace
    return Seen(f"{available(fetched(context.cluster, DEPLOYMENTS, name, namespace))} ready")


def _node_exporter(context: Context) -> Seen:
    monitoring = context.settings.monitoring
    name = f"{monitoring.release}-prometheus-node-exporter"
    status = mapping(fetched(context.cluster, DAEMON_SETS, name, monitoring.namespace).get("status"))
    ready, nodes = int(status.get("numberReady", 0)), len(context.cluster.list(NODES))
    if ready != nodes:
        raise Failed(f"{ready} of {nodes} nodes")
    return Seen(f"{ready} of {nodes} nodes")


def _by_operator(name: str, context: Context) -> Seen:
    namespace = context.settings.monitoring.namespace
    if not any(name_of(one) == name for one in listed(context.cluster, STATEFUL_SETS, namespace)):
        if nothing_runs(context.cluster):
            raise NotApplicable("no operator really runs here that would make it")
        raise Failed(f"StatefulSet {name} is not there: see the operator's log")
    return Seen(f"{available(fetched(context.cluster, STATEFUL_SETS, name, namespace))} ready")


def _addresses(context: Context) -> Seen:
    names = stack_names(context.settings)
    seen: list[str] = []
    for name, port in ((names.prometheus, 9090), (names.grafana, 80)):
        service = fetched(context.cluster, SERVICES, name, names.namespace)
        ports = [int(entry["port"]) for entry in service["spec"]["ports"]]
        if port not in ports:
            raise Failed(f"Service {name} has the ports {', '.join(map(str, ports))}")
        seen.append(f"{name} {port}")
    return Seen(", ".join(seen))


def _grafana_config(context: Context) -> Seen:
    names, wanted = stack_names(context.settings), context.settings.monitoring.grafana_anonymous
    data = mapping(fetched(context.cluster, CONFIG_MAPS, names.grafana, names.namespace).get("data"))
    _, _, section = str(data.get("grafana.ini", "")).partition("[auth.anonymous]")
    lines = (line.partition("=") for line in section.partition("\n[")[0].splitlines())
    anonymous = any(key.strip() == "enabled" and value.strip() == "true" for key, _, value in lines)
    # The chart labels what is its own; ours are the program's.
    chart = [
        name_of(one)
        for one in listed(context.cluster, CONFIG_MAPS, names.namespace, {"grafana_dashboard": "1"})
        if {"chart", "helm.sh/chart"} & labels_of(one).keys()
    ]
    seen = f"anonymous {_on(anonymous)}, {len(chart)} of the chart's own dashboards"
    if anonymous != wanted or chart:
        raise Failed(seen, tuple(chart))
    return Seen(seen)
