"""What runs in the pods of the good lab: curl in sleep, httpbin, the standalone Envoy, fake-service, istiod,
Prometheus, Grafana and Kiali. Each answers as the real one documents it, and can be told to answer otherwise.

Where the answers come from: Prometheus' HTTP API (prometheus.io, "HTTP API": targets, rules, query, query_range, label
values); Grafana's HTTP API (grafana.com, "Folder/Dashboard Search API", "Dashboard API", "Data source API"); Kiali's
API document (its repository, kiali_internal_api.md, and kiali_api.md of 1.x: status, istio status, namespaces graph);
istiod's debug pages (istio.io, and pilot/pkg/xds/debug.go for the fields); Envoy's statistics (envoyproxy.io).
"""

import base64
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from base.assets import load_dashboards
from kube.api_objects import Executed
from meshlab.verify.program import Program
from settings.models import Settings
from settings.names import ISTIO_NAMESPACE, RevisionNames, StackNames
from tests.verify import good_lab
from tests.verify.answers import Asked, Reply, Routes, serving
from tests.verify.fake_cluster import FakeCluster, Object

TARGETS_POOLS = {"istiod": "istio-component-monitor", "sidecar": "envoy-stats-monitor", "envoy": "envoy-demo-monitor"}
CHAIN = {
    "name": "web-api",
    "upstream_calls": [{"name": "recommendation", "upstream_calls": [{"name": "purchase-history-v1"}]}],
}
TIMEOUTS = {"base": 15000, "timeout": 1000, "retry": 1000}


class World:
    """The good lab, with everything that it answers in the open."""

    def __init__(self, program: Program, settings: Settings) -> None:
        self.program, self.settings = program, settings
        self.cluster: FakeCluster = good_lab.build(program, settings)
        self.cluster.commands = self._execute
        self.answers: dict[str, tuple[int, float, str]] = {
            "http://httpbin:8000/headers": (200, 0.01, told(TIMEOUTS[settings.envoy_demo.scenario])),
            "http://httpbin.default:8000/headers": (200, 0.01, "{}"),
            "http://envoy/headers": (200, 0.01, told(TIMEOUTS[settings.envoy_demo.scenario])),
            "http://envoy/delay/5": (504, 1.01, "upstream request timeout"),
            "http://envoy/status/500": (500, 0.2, ""),
            "http://web-api:8080/": (200, 0.05, json.dumps(CHAIN)),
        }
        """Status, seconds and body by URL, for curl in a pod of sleep; a URL that is not here is refused."""
        self.envoy_statistics: dict[str, int] = {}
        self.counted_per_failing_call = {
            "upstream_rq_total": 4,
            "upstream_rq_retry": 3,
            "retry.upstream_rq_5xx": 3,
            "retry.upstream_rq_500": 3,
            "upstream_rq_retry_limit_exceeded": 1,
        }
        self.failing_calls, self.failing_calls_of_others = 0, 0
        """Failing calls so far, and how many of them somebody else makes one beside."""
        self.requests_counted: float | None = 5.0
        self.counted_per_call = 1.0
        """istio_requests_total of sleep -> httpbin; None before the first call."""
        self.targets = self._targets()
        self.missing_metrics: set[str] = set()
        """Metrics that Prometheus does not know; queries for them are empty."""
        self.password = good_lab.PASSWORD
        self.dashboards: dict[str, Object] = {
            str(model["uid"]): model for model in map(json.loads, load_dashboards().values())
        }
        self.folders = dict.fromkeys(self.dashboards, "Istio")
        self.routes: dict[str, Routes] = {
            "prometheus": self._prometheus(),
            "grafana": self._grafana(),
            "kiali": self._kiali(),
            "istiod": self._istiod(),
        }

    @contextmanager
    def running(self) -> Iterator[FakeCluster]:
        """The cluster, while the services in its pods answer."""
        names = StackNames(self.settings.monitoring.release, self.settings.monitoring.namespace)
        pods = {
            "prometheus": (names.namespace, f"prometheus-{names.fullname}-prometheus-0", 9090),
            "grafana": (names.namespace, f"{names.grafana}-0", 3000),
            "kiali": (ISTIO_NAMESPACE, "kiali-0", 20001),
        }
        with ExitStack() as stack:
            for name, where in pods.items():
                self.cluster.ports[where] = ("127.0.0.1", stack.enter_context(serving(self.routes[name])))
            port = stack.enter_context(serving(self.routes["istiod"]))
            for revision in self.settings.istio.revisions:
                pod = f"{RevisionNames(revision).istiod}-0"
                self.cluster.ports[ISTIO_NAMESPACE, pod, 15014] = ("127.0.0.1", port)
            yield self.cluster

    def pod(self, app: str, namespace: str = "default") -> Object:
        """The one pod of an application."""
        return self.cluster.of("Pod", f"{app}-0", namespace)

    def simulate(self) -> None:
        """Make all nodes kwok's, as on the embedded cluster."""
        for (kind, _, _), one in self.cluster.objects.items():
            if kind == "Node":
                one["status"] = {"nodeInfo": {"kubeletVersion": "kwok-0.8.0"}}

    def _execute(self, namespace: str, pod: str, container: str, command: Sequence[str]) -> Executed:
        assert (pod, container) == ("sleep-0", "sleep"), "only sleep has curl"
        if command[0] == "curl":
            reply = self._call(command[-1])
            if isinstance(reply, str):
                return Executed(7, "\n000 0.000000", reply)
            status, seconds, body = reply
            return Executed(0, f"{body}\n{status:03} {seconds:f}", "")
        times, url = re.search(r"seq (\d+)", command[-1]), re.search(r"'(http[^']+)'", command[-1])
        assert times and url, f"not a loop over calls: {command}"
        replies = [self._call(url[1]) for _ in range(int(times[1]))]
        return Executed(0, "".join(f"{0 if isinstance(reply, str) else reply[0]:03}\n" for reply in replies), "")

    def _call(self, url: str) -> tuple[int, float, str] | str:
        if url.startswith("http://envoy:15000/stats"):
            lines = (f"cluster.httpbin_service.{name}: {value}" for name, value in self.envoy_statistics.items())
            return 200, 0.01, "\n".join([*lines, "vhost.httpbin_host.vcluster.other.upstream_rq_retry: 0"])
        if url == "http://envoy/status/500":
            self.failing_calls += 1
            busy = self.failing_calls <= self.failing_calls_of_others
            for name, more in self.counted_per_failing_call.items():
                self.envoy_statistics[name] = self.envoy_statistics.get(name, 0) + more * (2 if busy else 1)
        if url.startswith("http://httpbin.default"):
            self.requests_counted = (self.requests_counted or 0.0) + self.counted_per_call
        return self.answers.get(url, f"curl: (7) Failed to connect to {url}")

    # Prometheus

    def _targets(self) -> list[Object]:
        found: list[Object] = []
        for (kind, namespace, name), pod in self.cluster.objects.items():
            if kind != "Pod":
                continue
            address, containers = pod["status"]["podIP"], [container["name"] for container in pod["spec"]["containers"]]
            if pod["metadata"]["labels"].get("app") == "istiod":
                found.append(_target("istiod", namespace, name, f"http://{address}:15014/metrics"))
            elif "istio-proxy" in containers:
                found.append(_target("sidecar", namespace, name, f"http://{address}:15020/stats/prometheus"))
            elif name == "envoy-0":
                found.append(_target("envoy", namespace, name, f"http://{address}:15000/stats/prometheus"))
        return found

    def _prometheus(self, prefix: str = "") -> Routes:
        return {
            f"{prefix}/api/v1/targets": lambda asked: _success({"activeTargets": self.targets, "droppedTargets": []}),
            f"{prefix}/api/v1/rules": _success({"groups": self._rule_groups()}),
            f"{prefix}/api/v1/query": lambda asked: _success(self._vector(asked.query["query"])),
            f"{prefix}/api/v1/query_range": lambda asked: _success(self._matrix(asked.query["query"])),
            f"{prefix}/api/v1/label/__name__/values": lambda asked: _success(sorted({"up", "istio_requests_total"})),
            # The values of any other label.
            f"{prefix}/api/v1/label/*": _success(["default", "httpbin", "httpbin.default.svc.cluster.local"]),
        }

    def _rule_groups(self) -> list[Object]:
        return [
            {
                "name": group["name"],
                "file": "/etc/prometheus/rules/mesh.yaml",
                "rules": [
                    {"name": rule.get("alert") or rule["record"], "query": rule["expr"], "health": "ok"}
                    for rule in group["rules"]
                ],
            }
            for rules in self.program.of_kind("PrometheusRule")
            for group in rules["spec"]["groups"]
        ]

    def _vector(self, expression: str) -> Object:
        metric = {"workload": "httpbin"} if "by (workload)" in expression else {}
        points = [{"metric": metric, "value": [time.time(), value]} for value in self._values(expression)]
        return {"resultType": "vector", "result": points}

    def _matrix(self, expression: str) -> Object:
        points = [{"metric": {}, "values": [[time.time(), value]]} for value in self._values(expression)]
        return {"resultType": "matrix", "result": points}

    def _values(self, expression: str) -> list[str]:
        if any(metric in expression for metric in self.missing_metrics):
            return []
        if 'source_workload="sleep"' in expression and expression.startswith("sum(istio_requests_total"):
            return [] if self.requests_counted is None else [str(self.requests_counted)]
        return [str(len(self.targets))]

    # Grafana

    def _grafana(self) -> Routes:
        routes: Routes = {
            "/api/search": self._signed_in(self._search, anonymous=self.settings.monitoring.grafana_anonymous),
            "/api/datasources/uid/prometheus": self._signed_in(
                lambda asked: {
                    "uid": "prometheus",
                    "name": "Prometheus",
                    "type": "prometheus",
                    "url": "http://prom:9090",
                }
            ),
        }
        for uid in self.dashboards:
            routes[f"/api/dashboards/uid/{uid}"] = self._signed_in(self._dashboard)
        for path, route in self._prometheus("/api/datasources/proxy/uid/prometheus").items():
            routes[path] = self._signed_in(route)
        return routes

    def _search(self, asked: Asked) -> Any:
        assert asked.query["type"] == "dash-db"
        return [
            {"id": number, "uid": uid, "title": model["title"], "type": "dash-db", "folderTitle": self.folders[uid]}
            for number, (uid, model) in enumerate(self.dashboards.items(), 1)
        ]

    def _dashboard(self, asked: Asked) -> Any:
        uid = asked.path.rsplit("/", 1)[-1]
        if uid not in self.dashboards:
            return Reply({"message": "Dashboard not found"}, 404)
        return {"dashboard": self.dashboards[uid], "meta": {"slug": uid, "folderTitle": self.folders[uid]}}

    def _signed_in(self, route: Any, *, anonymous: bool = False) -> Any:
        def guarded(asked: Asked) -> Any:
            wanted = "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()
            given = asked.headers.get("Authorization")
            if given != wanted and not (given is None and anonymous):
                return Reply({"message": "Invalid username or password"}, 401)
            return route(asked) if callable(route) else route

        return guarded

    # Kiali and istiod

    def _kiali(self) -> Routes:
        istiod = RevisionNames(self.settings.istio.default).istiod
        nodes = [_node("n0", "sleep"), _node("n1", "httpbin")]
        edge = {"data": {"id": "e0", "source": "n0", "target": "n1", "traffic": {"protocol": "http"}}}
        return {
            "/kiali/healthz": Reply(""),
            "/kiali/api/authenticate": Reply({}, headers={"Set-Cookie": "kiali-token=secret; Path=/kiali; HttpOnly"}),
            "/kiali/api/status": {
                "status": {"Kiali state": "running", "Kiali version": "v1.59.1", "Kiali commit hash": "abc"},
                "externalServices": [
                    {"name": "Istio", "version": "1.17.6"},
                    {"name": "Prometheus", "version": "2.39.1"},
                ],
                "warningMessages": [],
            },
            "/kiali/api/istio/status": [
                {"name": istiod, "status": "Healthy", "is_core": True},
                {"name": "istio-ingressgateway", "status": "NotFound", "is_core": True},
            ],
            "/kiali/api/namespaces/graph": {
                "timestamp": 1,
                "duration": 600,
                "graphType": "workload",
                "elements": {"nodes": nodes, "edges": [edge]},
            },
        }

    def _istiod(self) -> Routes:
        services = [
            {"hostname": f"{name}.{namespace}.svc.cluster.local", "Attributes": {"Name": name, "Namespace": namespace}}
            for kind, namespace, name in self.cluster.objects
            if kind == "Service"
        ]
        proxies = [
            {
                "cluster_id": "Kubernetes",
                "proxy": f"{name}.{namespace}",
                "istio_version": "1.17.6",
                **{
                    f"{kind}_{what}": "n1"
                    for kind in ("cluster", "listener", "route", "endpoint")
                    for what in ("sent", "acked")
                },
            }
            for kind, namespace, name in self.cluster.objects
            if kind == "Pod" and name in ("httpbin-0", "sleep-0")
        ]
        return {"/debug/registryz": services, "/debug/syncz": proxies}


def told(milliseconds: int) -> str:
    """What httpbin answers about its headers."""
    return json.dumps({"headers": {"Host": "envoy", "X-Envoy-Expected-Rq-Timeout-Ms": str(milliseconds)}})


def _target(kind: str, namespace: str, pod: str, url: str) -> Object:
    return {
        "discoveredLabels": {"__meta_kubernetes_namespace": namespace, "__meta_kubernetes_pod_name": pod},
        "labels": {"job": kind},
        "scrapePool": TARGETS_POOLS[kind],
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": "",
        "health": "up",
    }


def _success(data: Any) -> Object:
    return {"status": "success", "data": data}


def _node(identity: str, workload: str) -> Object:
    data = {"id": identity, "nodeType": "workload", "namespace": "default", "workload": workload, "app": workload}
    return {"data": data}
