"""What hands do to a running lab behind the back of its tools, and what drift has to say of each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import process
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from settings.charts import Chart
from tests.support.stacks import wanted_charts

from .inventory import objects
from .lab import Lab

PROM = "prom-kube-prometheus-stack"


@dataclass(frozen=True)
class HandEdit:
    """One thing that somebody does to one object."""

    name: str
    do: Callable[[EmbeddedCluster], object]
    what: str
    label: str
    """The one object that drift has to name for it."""
    field: str = ""
    """The beginning of a field's path that has to be named; empty where no single field is it."""


def patch(where: str, kind: str, name: str, body: Any, how: str = "merge") -> Callable[[EmbeddedCluster], object]:
    """`kubectl patch` in a namespace (empty for none), as who edits by hand does it."""
    namespace = ("-n", where) if where else ()
    return lambda cluster: cluster.kubectl("patch", kind, name, *namespace, f"--type={how}", "-p", json.dumps(body))


def kubectl(*args: str) -> Callable[[EmbeddedCluster], object]:
    """A command of kubectl."""
    return lambda cluster: cluster.kubectl(*args)


def copy(where: str, kind: str, name: str, to: str, new: str) -> Callable[[EmbeddedCluster], object]:
    """`kubectl get -o yaml`, another name, `kubectl create`."""

    def act(cluster: EmbeddedCluster) -> None:
        (original,) = objects(cluster, kind, name, "-n", where)
        metadata = {key: original["metadata"].get(key) for key in ("labels", "annotations")}
        content = {key: value for key, value in original.items() if key != "status"}
        cluster.kubectl(
            *("create", "-f", "-"),
            stdin=json.dumps({**content, "metadata": {**metadata, "name": new, "namespace": to}}),
        )

    return act


def upgraded(chart: Path) -> HandEdit:
    """`helm upgrade` of the release istio-base from its own `chart`, with a value that the stack does not have."""

    def act(cluster: EmbeddedCluster) -> None:
        program = toolchain.ensure(["helm"])["helm"]
        value = ("--reuse-values", "--set", "global.hub=elsewhere")
        process.run(
            [program, "upgrade", "istio-base", chart, "--namespace", "istio-system", *value],
            timeout=120,
            env={"KUBECONFIG": str(cluster.kubeconfig)},
        )

    return HandEdit("a release is upgraded by hand", act, "edited", "Release istio-system/istio-base", "values.global")


HAND_EDITS = (
    HandEdit(
        "a Deployment of the program is scaled",
        kubectl("scale", "deployment/web-api", "-n", "istioinaction", "--replicas=3"),
        "edited",
        "Deployment istioinaction/web-api",
        "spec.replicas",
    ),
    HandEdit(
        "a chart's Deployment gets another image",
        kubectl("set", "image", "deployment/prom-kube-state-metrics", "-n", "prometheus", "*=example.invalid/ksm:1"),
        "edited",
        "Deployment prometheus/prom-kube-state-metrics",
        "spec.template.spec.containers[name=kube-state-metrics].image",
    ),
    HandEdit(
        "a monitor loses the label that Prometheus selects by",
        kubectl("label", "servicemonitor/envoy-demo-monitor", "-n", "prometheus", "release-"),
        "edited",
        "ServiceMonitor prometheus/envoy-demo-monitor",
        "metadata.labels.release",
    ),
    HandEdit(
        "the mesh's configuration is another one",
        patch("istio-system", "configmap", "istio-1-17", {"data": {"mesh": "enableTracing: true\n"}}),
        "edited",
        "ConfigMap istio-system/istio-1-17",
        "data.mesh",
    ),
    HandEdit(
        "a container is added to a chart's pods",
        patch(
            "kiali-operator",
            "deployment",
            "kiali-operator",
            {"spec": {"template": {"spec": {"containers": [{"name": "debug", "image": "example.invalid/debug:1"}]}}}},
            "strategic",
        ),
        "edited",
        "Deployment kiali-operator/kiali-operator",
        "spec.template.spec.containers[name=debug]",
    ),
    HandEdit(
        "a label is added that nobody declares",
        kubectl("label", "service/envoy", "-n", "default", "owner=me"),
        "edited",
        "Service default/envoy",
        "metadata.labels.owner",
    ),
    HandEdit(
        "a Service leads to another port",
        patch("istioinaction", "service", "recommendation", {"spec": {"ports": [{"name": "http", "port": 9999}]}}),
        "edited",
        "Service istioinaction/recommendation",
        "spec.ports",
    ),
    HandEdit(
        "a chart's role may do more",
        patch(
            "",
            "clusterrole",
            f"{PROM}-prometheus",
            [{"op": "add", "path": "/rules/-", "value": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}}],
            "json",
        ),
        "edited",
        f"ClusterRole {PROM}-prometheus",
        "rules",
    ),
    HandEdit(
        "a chart's custom resource is edited, which helm does not see",
        patch("prometheus", "prometheus", f"{PROM}-prometheus", {"spec": {"retention": "1h"}}),
        "edited",
        f"Prometheus prometheus/{PROM}-prometheus",
        "spec.retention",
    ),
    HandEdit(
        "a chart's Secret is edited",
        patch(
            "prometheus",
            "secret",
            f"alertmanager-{PROM}-alertmanager",
            {"stringData": {"alertmanager.yaml": "route: {receiver: none}\n"}},
        ),
        "edited",
        f"Secret prometheus/alertmanager-{PROM}-alertmanager",
        "data.alertmanager.yaml",
    ),
    HandEdit(
        "Grafana's password is another one",
        patch("prometheus", "secret", "prom-grafana-admin", {"stringData": {"admin-password": "guess"}}),
        "edited",
        "Secret prometheus/prom-grafana-admin",
        "data.admin-password",
    ),
    HandEdit(
        "a namespace leaves the mesh",
        kubectl("label", "namespace/default", "istio.io/rev-"),
        "edited",
        "Namespace default",
        "metadata.labels.istio.io/rev",
    ),
    HandEdit(
        "a namespace lets any pod in",
        kubectl("label", "namespace/kiali-operator", "--overwrite", "pod-security.kubernetes.io/enforce=privileged"),
        "edited",
        "Namespace kiali-operator",
        "metadata.labels.pod-security.kubernetes.io/enforce",
    ),
    HandEdit(
        "a CRD is edited",
        patch("", "crd", "probes.monitoring.coreos.com", {"spec": {"names": {"shortNames": ["mine"]}}}),
        "edited",
        "CustomResourceDefinition probes.monitoring.coreos.com",
        "spec.names.shortNames",
    ),
    HandEdit(
        "a finalizer keeps an object from going",
        patch("default", "serviceaccount", "httpbin", {"metadata": {"finalizers": ["example.com/stay"]}}),
        "edited",
        "ServiceAccount default/httpbin",
        "metadata.finalizers",
    ),
    HandEdit(
        "a chart's Deployment is deleted",
        kubectl("delete", "deployment/prom-grafana", "-n", "prometheus"),
        "deleted",
        "Deployment prometheus/prom-grafana",
    ),
    HandEdit(
        "a chart's rules are deleted",
        kubectl("delete", "prometheusrule", f"{PROM}-general.rules", "-n", "prometheus"),
        "deleted",
        f"PrometheusRule prometheus/{PROM}-general.rules",
    ),
    HandEdit(
        "a monitor of the program is deleted",
        kubectl("delete", "podmonitor/envoy-stats-monitor", "-n", "prometheus"),
        "deleted",
        "PodMonitor prometheus/envoy-stats-monitor",
    ),
    HandEdit(
        "a policy of the program is deleted",
        kubectl("delete", "networkpolicy/istiod", "-n", "istio-system"),
        "deleted",
        "NetworkPolicy istio-system/istiod",
    ),
    HandEdit(
        "a monitor is there twice, so that every sum doubles",
        copy("prometheus", "servicemonitor", "istio-component-monitor", "prometheus", "istio-component-monitor-2"),
        "extra",
        "ServiceMonitor prometheus/istio-component-monitor-2",
    ),
    HandEdit(
        "a chart's object is copied into another namespace",
        copy("prometheus", "configmap", "prom-grafana", "default", "prom-grafana"),
        "extra",
        "ConfigMap default/prom-grafana",
    ),
)


def all_edits(lab: Lab) -> list[HandEdit]:
    """Every hand edit, on this lab."""
    (version,) = wanted_charts(lab.stack, lab.config())["base"]
    return [*HAND_EDITS, upgraded(Path(lab.charts) / Chart("base", version).file)]
