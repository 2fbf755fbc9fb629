"""The dev stack as it is on a cluster where all is well, made of objects: what the program declares, with the status
that controllers would give it, what the charts add as far as checks look at it, and pods."""

import base64
import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.stack_values import final_values
from meshlab.verify.program import Program
from settings.models import RevisionSettings, Settings
from settings.names import ISTIO_NAMESPACE, RevisionNames, StackNames
from settings.stack_parts import Part, is_on
from tests.verify.fake_cluster import FakeCluster, Object, key_of

NODE = "node-1"
PASSWORD = "open sesame"
MESHED_PORTS = [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}]
MESH = 'enablePrometheusMerge: true\ndefaultConfig:\n  proxyMetadata:\n    ISTIO_META_DNS_CAPTURE: "true"\n'


def build(program: Program, settings: Settings) -> FakeCluster:
    """A cluster with the lab on it."""
    cluster = FakeCluster()
    names = StackNames(settings.monitoring.release, settings.monitoring.namespace)
    cluster.add(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "labels": {}}},
    )
    for declared in program.objects:
        _merge(cluster, copy.deepcopy(dict(declared.manifest)))
    for revision, wanted in settings.istio.revisions.items():
        _istiod(cluster, revision, wanted, default=revision == settings.istio.default)
    _monitoring(cluster, names, settings)
    _kiali(cluster, settings)
    for deployment in [one for (kind, _, _), one in cluster.objects.items() if kind == "Deployment"]:
        roll_out(cluster, deployment, _revision(program, settings, deployment))
    connect(cluster)
    return cluster


def roll_out(cluster: FakeCluster, deployment: Object, revision: str | None = None) -> Object:
    """Give a Deployment its status and its one pod, with a sidecar of `revision`; returns the pod."""
    deployment["metadata"]["generation"] = 1
    count = deployment["spec"]["replicas"]
    deployment["status"] = {"observedGeneration": 1, "readyReplicas": count, "updatedReplicas": count}
    template, metadata = copy.deepcopy(deployment["spec"]["template"]), deployment["metadata"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-0",
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"].get("labels") or {}),
            "annotations": dict(template["metadata"].get("annotations") or {}),
        },
        "spec": {**template["spec"], "nodeName": NODE},
        "status": {"podIP": f"10.244.0.{len(cluster.objects) % 200 + 10}", "conditions": [_ready()]},
    }
    if revision is not None:
        pod["spec"]["containers"].append({"name": "istio-proxy", "ports": copy.deepcopy(MESHED_PORTS)})
        pod["metadata"]["annotations"] |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "15020",
            "prometheus.io/path": "/stats/prometheus",
            "sidecar.istio.io/status": json.dumps({"containers": ["istio-proxy"], "revision": revision}),
        }
    cluster.add(pod)
    return pod


def connect(cluster: FakeCluster) -> None:
    """Lead every Service to the ready pods that it selects, as the controllers of endpoints do."""
    for key in [key for key in cluster.objects if key[0] == "EndpointSlice"]:
        del cluster.objects[key]
    pods = [one for (kind, _, _), one in cluster.objects.items() if kind == "Pod"]
    for service in [one for (kind, _, _), one in cluster.objects.items() if kind == "Service"]:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        behind = [
            pod
            for pod in pods
            if pod["metadata"]["namespace"] == namespace
            and service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ]
        cluster.add(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{name}-1",
                    "namespace": namespace,
                    "labels": {"kubernetes.io/service-name": name},
                },
                "ports": [
                    {"name": port.get("name", ""), "port": port.get("targetPort", port["port"])}
                    for port in service["spec"]["ports"]
                ],
                "endpoints": [
                    {
                        "addresses": [pod["status"]["podIP"]],
                        "conditions": {"ready": pod["status"]["conditions"][0]["status"] == "True"},
                        "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]},
                    }
                    for pod in behind
                ],
            }
        )


def service(name: str, namespace: str, ports: Mapping[str, tuple[int, int]], selector: Mapping[str, str]) -> Object:
    """A Service; ports by name, each with the pods' port behind it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {}},
        "spec": {
            "selector": dict(selector),
            "ports": [{"name": key, "port": port, "targetPort": target} for key, (port, target) in ports.items()],
        },
    }


def deployment(name: str, namespace: str, labels: Mapping[str, str], image: str = "example/image:1") -> Object:
    """A Deployment of one pod with one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "replicas": 1,
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"serviceAccountName": name, "containers": [{"name": name, "image": image}]},
            },
        },
    }


def config_map(name: str, namespace: str, data: Mapping[str, str]) -> Object:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {}},
        "data": dict(data),
    }


def _merge(cluster: FakeCluster, manifest: Object) -> None:
    """Put an object in; of one that is there, a patch, only what the manifest has."""
    there = cluster.objects.get(key_of(manifest))
    if there is None:
        cluster.add(manifest)
    else:
        there["metadata"].setdefault("labels", {}).update(manifest["metadata"].get("labels") or {})
    for webhook in manifest.get("webhooks") or []:
        # istiod puts it there.
        webhook["clientConfig"] = {**webhook["clientConfig"], "caBundle": "Q0E="}
    if manifest["kind"] == "Secret":
        manifest["data"] = {
            key: base64.b64encode(value.encode()).decode()
            for key, value in {"admin-user": "admin", "admin-password": PASSWORD}.items()
        }


def _istiod(cluster: FakeCluster, revision: str, wanted: RevisionSettings, *, default: bool) -> None:
    names, labels = RevisionNames(revision), {"app": "istiod", "istio": "pilot", "istio.io/rev": revision}
    ports = {"grpc-xds": (15010, 15010), "https-webhook": (443, 15017), "http-monitoring": (15014, 15014)}
    live = deployment(names.istiod, ISTIO_NAMESPACE, labels, f"docker.io/istio/pilot:{wanted.version}")
    live["spec"]["replicas"] = wanted.replicas
    one = service(names.istiod, ISTIO_NAMESPACE, ports, labels)
    one["metadata"]["labels"] = labels
    cluster.add(live, one, config_map(names.mesh_config_map, ISTIO_NAMESPACE, {"mesh": MESH}))
    cluster.add(_webhooks("MutatingWebhookConfiguration", names.injector_config_map, revision, names.istiod, "/inject"))
    if default:
        validator = "istiod-default-validator"
        cluster.add(_webhooks("ValidatingWebhookConfiguration", validator, revision, names.istiod, "/validate"))


def _webhooks(kind: str, name: str, revision: str, istiod: str, path: str) -> Object:
    app = "sidecar-injector" if kind.startswith("Mutating") else "istiod"
    client = {"service": {"name": istiod, "namespace": ISTIO_NAMESPACE, "path": path, "port": 443}, "caBundle": "Q0E="}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": app, "istio.io/rev": revision}},
        "webhooks": [{"name": f"rev.{path.strip('/')}.istio.io", "clientConfig": client}],
    }


def _monitoring(cluster: FakeCluster, names: StackNames, settings: Settings) -> None:
    where, selector = names.namespace, {"matchLabels": names.selector_labels}
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    parts: dict[Part, list[Object]] = {
        "prometheus-operator": [deployment(f"{names.fullname}-operator", where, {"app": "operator"})],
        "grafana": [
            deployment(names.grafana, where, {"app": "grafana"}),
            service(names.grafana, where, {"http-web": (80, 3000)}, {"app": "grafana"}),
            config_map(names.grafana, where, {"grafana.ini": _ini(settings, names)}),
        ],
        "kube-state-metrics": [deployment(f"{names.release}-kube-state-metrics", where, {"app": "ksm"})],
        "node-exporter": [
            {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {"name": f"{names.release}-prometheus-node-exporter", "namespace": where},
                "status": {"numberReady": 1, "desiredNumberScheduled": 1},
            }
        ],
        "alertmanager": [_stateful_set(f"alertmanager-{names.fullname}-alertmanager", where)],
        "prometheus": [
            _stateful_set(f"prometheus-{names.fullname}-prometheus", where),
            service(names.prometheus, where, {"http-web": (9090, 9090)}, prometheus),
            {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "Prometheus",
                "metadata": {"name": names.prometheus, "namespace": where},
                "spec": dict.fromkeys(("serviceMonitorSelector", "podMonitorSelector", "ruleSelector"), selector),
            },
        ],
    }
    for part, objects in parts.items():
        if is_on(settings.monitoring.values, part):
            cluster.add(*objects)
    if is_on(settings.monitoring.values, "prometheus"):
        roll_out(cluster, deployment(f"prometheus-{names.fullname}-prometheus", where, prometheus))


def _ini(settings: Settings, names: StackNames) -> str:
    values = final_values(settings.monitoring, names, settings.cluster)
    anonymous = str(values["grafana"]["grafana.ini"]["auth.anonymous"]["enabled"]).lower()
    return f"[auth]\nlogin = true\n[auth.anonymous]\nenabled = {anonymous}\norg_role = Viewer\n[log]\nmode = console\n"


def _stateful_set(name: str, namespace: str) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1, "updatedReplicas": 1},
    }


def _kiali(cluster: FakeCluster, settings: Settings) -> None:
    labels = {"app.kubernetes.io/name": "kiali"}
    cluster.of("Kiali", "kiali", ISTIO_NAMESPACE)["status"] = {
        "conditions": [{"type": "Running", "status": "True"}, {"type": "Successful", "status": "True"}]
    }
    cluster.add(
        deployment("kiali-operator", settings.kiali.namespace, {"app": "kiali-operator"}),
        deployment("kiali", ISTIO_NAMESPACE, labels),
        service("kiali", ISTIO_NAMESPACE, {"http": (20001, 20001)}, labels),
    )


def _revision(program: Program, settings: Settings, live: Object) -> str | None:
    """The revision whose injector gives a Deployment's pods a sidecar."""
    metadata = live["spec"]["template"]["metadata"]
    said = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    if said.get("sidecar.istio.io/inject") == "false":
        return None
    return program.revision(settings.mesh.namespaces.get(live["metadata"]["namespace"]))


def _ready(status: str = "True") -> dict[str, str]:
    return {"type": "Ready", "status": status}


def names_of(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Their names."""
    return [str(object_["metadata"]["name"]) for object_ in objects]
