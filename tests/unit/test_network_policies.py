"""Network policies let in what the lab needs, by the labels and ports that the real charts have, and nothing else."""

from functools import cache
from typing import Any

import pytest
import yaml

from meshlab.recording.recorder import ROOT, record

FACTS = ROOT / "tests" / "charts" / "facts"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ANYBODY = "anybody"
ISTIOD = {"app": "istiod", "istio.io/rev": "1-17", "istio": "istiod"}
# Given by the operators when they make the pods: prometheus-operator and kiali-operator document both labels.
PROMETHEUS = {"app.kubernetes.io/name": "prometheus"}
KIALI = {"app": "kiali", "app.kubernetes.io/name": "kiali"}

# Who calls whom in lab.md's steps: source (namespace, labels), destination (namespace, labels), port.
NEEDED = {
    "a sidecar fetches its configuration": (("default", {"app": "httpbin"}), ("istio-system", ISTIOD), 15012),
    "a proxy without TLS fetches its configuration": (("default", {"app": "x"}), ("istio-system", ISTIOD), 15010),
    "the API server asks the injector": (ANYBODY, ("istio-system", ISTIOD), 15017),
    "Prometheus scrapes istiod": (("prometheus", PROMETHEUS), ("istio-system", ISTIOD), 15014),
    "Kiali asks istiod": (("istio-system", KIALI), ("istio-system", ISTIOD), 15014),
    "Kiali asks Prometheus": (("istio-system", KIALI), ("prometheus", PROMETHEUS), 9090),
    "Grafana asks Prometheus": (
        ("prometheus", {"app.kubernetes.io/name": "grafana"}),
        ("prometheus", PROMETHEUS),
        9090,
    ),
    "Kiali asks Grafana": (("istio-system", KIALI), ("prometheus", {"app.kubernetes.io/name": "grafana"}), 3000),
    "the API server has rules checked": (ANYBODY, ("prometheus", {"app": "kube-prometheus-stack-operator"}), 10250),
    "Prometheus scrapes kube-state-metrics": (
        ("prometheus", PROMETHEUS),
        ("prometheus", {"app.kubernetes.io/name": "kube-state-metrics"}),
        8080,
    ),
}
REFUSED = {
    "a workload reads istiod's metrics": (("default", {"app": "httpbin"}), ("istio-system", ISTIOD), 15014),
    "a workload reads istiod's debug interface": (("default", {"app": "httpbin"}), ("istio-system", ISTIOD), 8080),
    "somebody called prometheus elsewhere scrapes istiod": (("default", PROMETHEUS), ("istio-system", ISTIOD), 15014),
    "a workload queries Prometheus": (("default", {"app": "sleep"}), ("prometheus", PROMETHEUS), 9090),
    "a workload opens Kiali": (("default", {"app": "sleep"}), ("istio-system", KIALI), 20001),
    "somebody in istio-system queries Prometheus": (("istio-system", ISTIOD), ("prometheus", PROMETHEUS), 9090),
    "the API server's way leads no further": (ANYBODY, ("prometheus", PROMETHEUS), 9090),
    "somebody calls the Kiali operator": (
        ("default", {"app": "sleep"}),
        ("kiali-operator", {"app": "kiali-operator"}),
        8080,
    ),
}


@cache
def policies() -> list[dict[str, Any]]:
    return [dict(resource.inputs) for resource in record("dev").of_type(POLICY)]


def allowed(source: Any, destination: tuple[str, dict[str, str]], port: int) -> bool:
    """As Kubernetes decides: nothing selects the pod, or one rule of those that do lets the caller in."""
    namespace, labels = destination
    selecting = [
        policy
        for policy in policies()
        if policy["metadata"]["namespace"] == namespace and matches(policy["spec"]["podSelector"], labels)
    ]
    rules = [rule for policy in selecting for rule in policy["spec"].get("ingress", [])]
    return not selecting or any(
        port in [entry["port"] for entry in rule.get("ports", [{"port": port}])]
        and ("from" not in rule or any(is_peer(peer, source, namespace) for peer in rule["from"]))
        for rule in rules
    )


def is_peer(peer: dict[str, Any], source: Any, own: str) -> bool:
    if source == ANYBODY:
        return False
    namespace, labels = source
    inside = (
        matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
        if ("namespaceSelector" in peer)
        else namespace == own
    )
    return inside and matches(peer.get("podSelector", {}), labels)


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    return selector.get("matchLabels", {}).items() <= labels.items()


@pytest.mark.parametrize(("source", "destination", "port"), NEEDED.values(), ids=NEEDED)
def test_what_the_lab_needs_gets_through(source: Any, destination: Any, port: int) -> None:
    assert allowed(source, destination, port)


@pytest.mark.parametrize(("source", "destination", "port"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_needs_does_not(source: Any, destination: Any, port: int) -> None:
    assert not allowed(source, destination, port)


def pods(chart: str, kind: str, name: str) -> dict[str, Any]:
    facts = yaml.safe_load((FACTS / f"{chart}.yaml").read_text(encoding="utf-8"))
    return facts["objects"][f"{kind} {name}"]["spec"]["template"]


@pytest.mark.parametrize(("version", "revision"), [("1.17.6", "1-17"), ("1.30.3", "1-30")])
def test_istiods_pods_carry_the_label_that_the_policies_select(version: str, revision: str) -> None:
    assert pods(f"istiod-{version}", "Deployment", f"istiod-{revision}")["metadata"]["labels"]["app"] == "istiod"


@pytest.mark.parametrize("version", ["42.2.1", "88.5.3"])
def test_the_stacks_pods_carry_the_labels_and_ports_that_the_policies_name(version: str) -> None:
    operator = pods(f"kube-prometheus-stack-{version}", "Deployment", "prom-kube-prometheus-stack-operator")
    assert operator["metadata"]["labels"]["app"] == "kube-prometheus-stack-operator"
    ports = [port["containerPort"] for container in operator["spec"]["containers"] for port in container["ports"]]
    assert 10250 in ports
    grafana = pods(f"kube-prometheus-stack-{version}", "Deployment", "prom-grafana")
    assert grafana["metadata"]["labels"]["app.kubernetes.io/name"] == "grafana"
    ports = [port for container in grafana["spec"]["containers"] for port in container.get("ports", [])]
    assert 3000 in [port["containerPort"] for port in ports]


def test_the_way_for_prometheus_follows_its_namespace() -> None:
    recording = record("dev", config={"meshlab:monitoring": {"version": "42.2.1", "namespace": "watch"}})
    policy = recording.named("mesh-monitors-scrape-policy").inputs
    assert policy["metadata"]["namespace"] == "istio-system"
    (peer,) = policy["spec"]["ingress"][0]["from"]
    assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}


def test_every_namespace_with_policies_is_closed_by_default() -> None:
    closed = {
        policy["metadata"]["namespace"]
        for policy in policies()
        if policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    }
    assert closed == {policy["metadata"]["namespace"] for policy in policies()}
    assert closed == {"istio-system", "prometheus", "kiali-operator"}
