"""Faults that checks of Lab 03 must see."""

import copy
import json
from typing import Any

from base.assets import load_dashboards
from tests.verify.answers import Asked, Reply
from tests.verify.faults import Break, Fault, all_break, answers, changed, gone, not_ready, put
from tests.verify.running_pods import World

STACK, ISTIO = "prometheus", "istio-system"
FULL = "prom-kube-prometheus-stack"
MONITORING = "monitoring.coreos.com/v1"
MESH = json.loads(load_dashboards()["istio-mesh"])
HTTP_500 = Reply("Internal Server Error", 500)


def _targets(change: Any) -> Break:
    """Change Prometheus' list of targets."""

    def run(world: World) -> None:
        change(world.targets)

    return run


def _of(targets: list[Any], pool: str) -> Any:
    return next(target for target in targets if target["scrapePool"] == pool)


def _lost(pool: str) -> Break:
    return _targets(lambda targets: targets.remove(_of(targets, pool)))


def _twice(pool: str) -> Break:
    return _targets(lambda targets: targets.append({**copy.deepcopy(_of(targets, pool)), "scrapePool": "another"}))


def _down(pool: str) -> Break:
    return _targets(lambda targets: _of(targets, pool).update(health="down", lastError="connection refused"))


def _rule_groups(change: Any) -> Break:
    def run(world: World) -> None:
        change(world.routes["prometheus"]["/api/v1/rules"]["data"]["groups"])

    return run


def _rule_ill(groups: list[Any]) -> None:
    groups[0]["rules"][0].update(health="err", lastError="many-to-many matching not allowed")


def _calls(url: str, status: int) -> Break:
    def run(world: World) -> None:
        world.answers[url] = (status, 0.1, "")

    return run


def _nothing_counted(world: World) -> None:
    world.counted_per_call = 0.0


def _grafana_keeps_another_password(world: World) -> None:
    world.password = "of its first start"


def _anybody_may(world: World) -> None:
    """Nobody may look without a password, though the settings say that anybody may."""
    search = world.routes["grafana"]["/api/search"]
    world.routes["grafana"]["/api/search"] = lambda asked: (
        search(asked) if "Authorization" in asked.headers else Reply({"message": "Unauthorized"}, 401)
    )


def _not_loaded(uid: str) -> Break:
    def run(world: World) -> None:
        del world.dashboards[uid]

    return run


def _edited(uid: str) -> Break:
    def run(world: World) -> None:
        model = copy.deepcopy(world.dashboards[uid])
        panels = [panel for entry in model["panels"] for panel in (entry, *(entry.get("panels") or []))]
        target = next(panel for panel in panels if panel.get("targets"))["targets"][0]
        target["expr"] = "vector(1)"
        world.dashboards[uid] = model

    return run


def _folder(uid: str, folder: str) -> Break:
    def run(world: World) -> None:
        world.folders[uid] = folder

    return run


def no_data(world: World) -> None:
    """Prometheus knows no metric and no target."""
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    world.routes["prometheus"]["/api/v1/query"] = empty
    world.routes["prometheus"]["/api/v1/query_range"] = empty
    world.routes["prometheus"]["/api/v1/label/*"] = {"status": "success", "data": []}


def _query_refused(world: World) -> None:
    error = Reply({"status": "error", "errorType": "bad_data", "error": "parse error"}, 400)
    world.routes["prometheus"]["/api/v1/query_range"] = error
    world.routes["prometheus"]["/api/v1/query"] = error


def _no_targets_at_the_source(world: World) -> None:
    def no_series(asked: Asked) -> Any:
        return {"status": "success", "data": {"resultType": "vector", "result": []}}

    world.routes["grafana"]["/api/datasources/proxy/uid/prometheus/api/v1/query"] = no_series


def _kiali_status(*path: str, to: Any) -> Break:
    return lambda world: put(world.routes["kiali"]["/kiali/api/status"], *path, to=to)


def _graph(*path: str | int, to: Any) -> Break:
    return lambda world: put(world.routes["kiali"]["/kiali/api/namespaces/graph"], *path, to=to)


def _istio_state(state: str) -> Break:
    return lambda world: put(world.routes["kiali"]["/kiali/api/istio/status"], 0, "status", to=state)


def _condition(kind: str, status: str) -> Break:
    conditions = [{"type": kind, "status": status, "message": "role not found"}]
    return changed("Kiali", "kiali", ISTIO, "status", "conditions", to=conditions)


def _dashboards() -> list[Fault]:
    """Each dashboard can be missing, and can show nothing."""
    faults: list[Fault] = []
    for name, text in load_dashboards().items():
        uid = str(json.loads(text)["uid"])
        faults += [
            Fault(f"lab03.dashboard-{name}", "not loaded", _not_loaded(uid), rf"Grafana has no dashboard {uid}"),
            Fault(f"lab03.queries-{name}", "no data", no_data, r"^0 of \d+ answer"),
        ]
    return faults


MESH_UID = str(MESH["uid"])
MONITOR = ("metadata", "labels", "release")

FAULTS = [
    Fault("lab03.prometheus-operator", "not ready", not_ready(f"{FULL}-operator", STACK), r"0 of 1 pods ready"),
    Fault("lab03.grafana", "not there", gone("Deployment", "prom-grafana", STACK), r"Deployment prom-grafana is not"),
    Fault("lab03.kube-state-metrics", "not ready", not_ready("prom-kube-state-metrics", STACK), r"0 of 1 pods ready"),
    Fault(
        "lab03.node-exporter",
        "a node without",
        changed("DaemonSet", "prom-prometheus-node-exporter", STACK, "status", "numberReady", to=0),
        r"0 of 1 nodes",
    ),
    Fault(
        "lab03.prometheus",
        "not made",
        gone("StatefulSet", f"prometheus-{FULL}-prometheus", STACK),
        r"is not there: see the operator's log",
    ),
    Fault(
        "lab03.alertmanager",
        "not ready",
        changed("StatefulSet", f"alertmanager-{FULL}-alertmanager", STACK, "status", "readyReplicas", to=0),
        r"0 of 1 pods ready",
    ),
    Fault(
        "lab03.addresses",
        "another port",
        changed("Service", f"{FULL}-prometheus", STACK, "spec", "ports", 0, "port", to=80),
        r"has the ports 80$",
    ),
    Fault(
        "lab03.addresses", "no Grafana", gone("Service", "prom-grafana", STACK), r"Service prom-grafana is not there"
    ),
    Fault(
        "lab03.grafana-config",
        "anonymous off",
        changed("ConfigMap", "prom-grafana", STACK, "data", "grafana.ini", to="[auth.anonymous]\nenabled = false\n"),
        r"anonymous off",
    ),
    Fault(
        "lab03.grafana-config",
        "on in another section",
        changed(
            "ConfigMap", "prom-grafana", STACK, "data", "grafana.ini", to="[auth.anonymous]\n[log]\nenabled = true\n"
        ),
        r"anonymous off",
    ),
    Fault(
        "lab03.grafana-config",
        "the chart's own dashboards",
        lambda world: world.cluster.add(
            {
                "kind": "ConfigMap",
                "metadata": {
                    "name": "prom-nodes",
                    "namespace": STACK,
                    "labels": {"grafana_dashboard": "1", "chart": "kube-prometheus-stack-42.2.1"},
                },
            }
        ),
        r"1 of the chart's own dashboards",
    ),
    Fault(
        "lab03.istio-component-monitor",
        "another interval",
        changed("ServiceMonitor", "istio-component-monitor", STACK, "spec", "endpoints", 0, "interval", to="1m"),
        r"interval: expected 15s, got 1m",
    ),
    Fault(
        "lab03.istio-component-monitor",
        "the wrong selector",
        changed(
            "ServiceMonitor",
            "istio-component-monitor",
            STACK,
            "spec",
            "selector",
            to={"matchLabels": {"istio": "pilot"}},
        ),
        r"spec\.selector\.matchExpressions",
    ),
    Fault(
        "lab03.envoy-stats-monitor",
        "not there",
        gone("PodMonitor", "envoy-stats-monitor", STACK),
        r"PodMonitor envoy-stats-monitor is not there",
    ),
    Fault(
        "lab03.envoy-stats-monitor",
        "keep without a regex",
        changed(
            "PodMonitor",
            "envoy-stats-monitor",
            STACK,
            "spec",
            "podMetricsEndpoints",
            0,
            "relabelings",
            1,
            "regex",
            to=None,
        ),
        r"relabelings\[1\]\.regex: expected true, got nothing",
    ),
    Fault(
        "lab03.envoy-demo-monitor",
        "another namespace",
        changed("ServiceMonitor", "envoy-demo-monitor", STACK, "spec", "namespaceSelector", "matchNames", to=["other"]),
        r"matchNames\[0\]: expected default, got other",
    ),
    Fault(
        "lab03.rules",
        "one gone",
        lambda world: world.cluster.remove(
            "PrometheusRule", world.program.of_kind("PrometheusRule")[0]["metadata"]["name"], STACK
        ),
        r"PrometheusRule \S+ is not there",
    ),
    Fault(
        "lab03.rules",
        "an alert edited",
        lambda world: put(
            world.cluster.of("PrometheusRule", world.program.of_kind("PrometheusRule")[-1]["metadata"]["name"], STACK),
            "spec",
            "groups",
            0,
            "rules",
            0,
            "expr",
            to="vector(0)",
        ),
        r"expr: expected .*, got vector\(0\)",
    ),
    Fault(
        "lab03.selected",
        "another release",
        changed("PodMonitor", "envoy-stats-monitor", STACK, *MONITOR, to="other"),
        r"PodMonitor envoy-stats-monitor is not selected: label release: expected prom, got other",
    ),
    Fault(
        "lab03.selected",
        "no selector",
        changed("Prometheus", f"{FULL}-prometheus", STACK, "spec", "ruleSelector", to=None),
        r"the Prometheus object has no ruleSelector",
    ),
    Fault(
        "lab03.selected",
        "no Prometheus object",
        gone("Prometheus", f"{FULL}-prometheus", STACK),
        r"Prometheus \S+ is not there",
    ),
    Fault(
        "lab03.dashboards",
        "one gone",
        gone("ConfigMap", "dashboard-istio-mesh", STACK),
        r"ConfigMap dashboard-istio-mesh is not there",
    ),
    Fault(
        "lab03.dashboards",
        "no label",
        changed("ConfigMap", "dashboard-istio-mesh", STACK, "metadata", "labels", to={}),
        r"lacks the label grafana_dashboard=1",
    ),
    Fault(
        "lab03.dashboards",
        "another one",
        changed("ConfigMap", "dashboard-istio-mesh", STACK, "data", "istio-mesh.json", to="{}"),
        r"has another istio-mesh\.json",
    ),
    Fault(
        "lab03.declared",
        "no Secret",
        gone("Secret", "prom-grafana-admin", STACK),
        r"Secret prom-grafana-admin is not there",
    ),
    Fault(
        "lab03.declared",
        "an empty Secret",
        changed("Secret", "prom-grafana-admin", STACK, "data", to=None),
        r"data: expected a value, got nothing",
    ),
    Fault(
        "lab03.declared",
        "a webhook of the operator without a certificate",
        changed(
            "ValidatingWebhookConfiguration",
            "prom-operator-admission",
            "",
            "webhooks",
            0,
            "clientConfig",
            "caBundle",
            to=None,
        ),
        r"caBundle: expected a value, got nothing",
    ),
    Fault(
        "lab03.targets-istiod", "not a target", _lost("istio-component-monitor"), r"1 of 1: istiod-1-17-0 is 0 targets"
    ),
    Fault(
        "lab03.targets-istiod",
        "twice",
        _twice("istio-component-monitor"),
        r"is 2 targets \(another, istio-component-monitor\)",
    ),
    Fault("lab03.targets-istiod", "down", _down("istio-component-monitor"), r"is down: connection refused"),
    Fault("lab03.targets-sidecars", "one twice", _twice("envoy-stats-monitor"), r"1 of 2: \S+-0 is 2 targets"),
    Fault("lab03.targets-sidecars", "one lost", _lost("envoy-stats-monitor"), r"1 of 2: \S+-0 is 0 targets"),
    Fault("lab03.targets-sidecars", "one down", _down("envoy-stats-monitor"), r"is down: connection refused"),
    Fault(
        "lab03.targets-sidecars",
        "no sidecars at all",
        lambda world: [put(world.pod(app), "spec", "containers", -1, to=None) for app in ("httpbin", "sleep")],
        r"no pod that is ready could be a target",
    ),
    Fault("lab03.targets-envoy", "not a target", _lost("envoy-demo-monitor"), r"envoy-0 is 0 targets"),
    Fault(
        "lab03.rules-loaded",
        "a group is not loaded",
        _rule_groups(lambda groups: groups.pop()),
        r"not loaded, or not all of it: \S+",
    ),
    Fault(
        "lab03.rules-loaded",
        "a rule is not loaded",
        _rule_groups(lambda groups: groups[0]["rules"].pop()),
        r"not loaded, or not all of it: \S+",
    ),
    Fault("lab03.rules-loaded", "a rule fails", _rule_groups(_rule_ill), r"1 of \d+ rules: \S+: many-to-many matching"),
    Fault(
        "lab03.load",
        "calls fail",
        _calls("http://httpbin.default:8000/headers", 503),
        r"0 of 10 calls answered 200: \[503",
    ),
    Fault(
        "lab03.load", "nothing is counted", _nothing_counted, r"istio_requests_total of sleep -> httpbin is 5, not 15"
    ),
    Fault(
        "lab03.load", "Prometheus fails", all_break("prometheus", HTTP_500), r"Prometheus: GET /api/v1/query: HTTP 500"
    ),
    Fault(
        "lab03.load",
        "no answer as documented",
        answers("prometheus", "/api/v1/query", {"status": "success"}),
        r"expected data and success",
    ),
    Fault(
        "lab03.grafana-access",
        "another password",
        _grafana_keeps_another_password,
        r"Grafana refuses user admin with the password of its Secret",
    ),
    Fault(
        "lab03.grafana-access",
        "nobody may without one",
        _anybody_may,
        r"the administrator \(\d+ dashboards\), but not anonymous users",
    ),
    Fault(
        "lab03.grafana-access",
        "an error",
        all_break("grafana", HTTP_500),
        r"Grafana: GET /api/search: HTTP 500: Internal Server Error",
    ),
    Fault(
        "lab03.grafana-access",
        "no Service",
        gone("Service", "prom-grafana", STACK),
        r"Service prom-grafana is not there",
    ),
    Fault(
        "lab03.grafana-access",
        "does not listen",
        lambda world: put(world.cluster.of("EndpointSlice", "prom-grafana-1", STACK), "ports", 0, "port", to=3001),
        r"port-forward to prometheus/prom-grafana-0:3001",
    ),
    Fault(
        "lab03.grafana-source",
        "knows no target",
        _no_targets_at_the_source,
        r"Prometheus \(http://prom:9090\) knows no target",
    ),
    Fault(
        "lab03.grafana-source",
        "not there",
        answers("grafana", "/api/datasources/uid/prometheus", Reply({"message": "Data source not found"}, 404)),
        r"HTTP 404",
    ),
    Fault("lab03.dashboard-istio-mesh", "another folder", _folder(MESH_UID, "General"), r"loaded into folder General"),
    Fault("lab03.dashboard-istio-mesh", "no folder", _folder(MESH_UID, ""), r"loaded into no folder"),
    Fault("lab03.dashboard-istio-mesh", "edited", _edited(MESH_UID), r"loaded, but \d+ of \d+ queries are this tree's"),
    Fault(
        "lab03.dashboard-istio-mesh",
        "no list",
        answers("grafana", "/api/search", {"message": "x"}),
        r"expected a list of dashboards",
    ),
    Fault("lab03.queries-istio-mesh", "queries are refused", _query_refused, r"are broken: .*HTTP 400"),
    *_dashboards(),
    Fault(
        "lab03.kiali-object",
        "another Prometheus",
        changed("Kiali", "kiali", ISTIO, "spec", "external_services", "prometheus", "url", to="http://other:9090"),
        r"external_services\.prometheus\.url: expected http://prom-kube",
    ),
    Fault(
        "lab03.kiali-object",
        "another revision",
        changed("Kiali", "kiali", ISTIO, "spec", "external_services", "istio", "config_map_name", to="istio"),
        r"config_map_name: expected istio-1-17, got istio",
    ),
    Fault("lab03.kiali-object", "not there", gone("Kiali", "kiali", ISTIO), r"Kiali kiali is not there"),
    Fault(
        "lab03.kiali-operator",
        "not ready",
        not_ready("kiali-operator", "kiali-operator"),
        r"kiali-operator: 0 of 1 pods",
    ),
    Fault(
        "lab03.kiali-installed",
        "failed",
        _condition("Failure", "True"),
        r"conditions \{'Failure': 'True'\}: role not found",
    ),
    Fault("lab03.kiali-installed", "not yet", _condition("Running", "True"), r"conditions \{'Running': 'True'\}"),
    Fault(
        "lab03.kiali-installed", "nothing said", changed("Kiali", "kiali", ISTIO, "status", to={}), r"conditions none"
    ),
    Fault(
        "lab03.kiali-installed", "no Deployment", gone("Deployment", "kiali", ISTIO), r"Deployment kiali is not there"
    ),
    Fault(
        "lab03.kiali-healthy",
        "not ready",
        answers("kiali", "/kiali/healthz", Reply("", 503)),
        r"/healthz does not answer 200",
    ),
    Fault(
        "lab03.kiali-healthy", "another state", _kiali_status("status", "Kiali state", to="starting"), r"state starting"
    ),
    Fault(
        "lab03.kiali-healthy", "no status", answers("kiali", "/kiali/api/status", []), r"expected its status, got \[\]"
    ),
    Fault("lab03.kiali-healthy", "no Service", gone("Service", "kiali", ISTIO), r"Service kiali is not there"),
    Fault(
        "lab03.kiali-prometheus",
        "unknown",
        _kiali_status("externalServices", to=[{"name": "Istio"}]),
        r"it reaches Istio$",
    ),
    Fault(
        "lab03.kiali-prometheus",
        "without a version",
        _kiali_status("externalServices", to=[{"name": "Prometheus"}]),
        r"it reaches Prometheus$",
    ),
    Fault("lab03.kiali-istio", "unreachable", _istio_state("Unreachable"), r"istiod-1-17: Unreachable"),
    Fault(
        "lab03.kiali-istio", "no components", answers("kiali", "/kiali/api/istio/status", []), r"no component at all"
    ),
    Fault(
        "lab03.kiali-istio",
        "an error",
        answers("kiali", "/kiali/api/istio/status", {"error": "forbidden"}),
        r"expected a list of components",
    ),
    Fault("lab03.kiali-graph", "no edge", _graph("elements", "edges", to=[]), r"edges: none"),
    Fault(
        "lab03.kiali-graph",
        "the other way",
        _graph("elements", "edges", 0, "data", to={"id": "e0", "source": "n1", "target": "n0"}),
        r"edges: httpbin -> sleep",
    ),
    Fault("lab03.kiali-graph", "null elements", _graph("elements", to={"nodes": None, "edges": None}), r"edges: none"),
    Fault("lab03.kiali-graph", "an edge to nowhere", _graph("elements", "nodes", to=[]), r"expected a graph"),
    Fault(
        "lab03.kiali-graph",
        "no graph",
        answers("kiali", "/kiali/api/namespaces/graph", {"error": "x"}),
        r"expected a graph",
    ),
]
