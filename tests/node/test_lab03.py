"""Lab 03 on the real node: the operator's own Prometheus and Alertmanager, up to an alert that fires. One story."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlab.mirror.images import named_images
from meshlab.published_envoy import switched_off
from meshlab.render.helm import RenderTarget
from meshlab.render.stack import default_kubernetes
from meshlab.results.outcome import Result, Status
from meshlab.stack import Stack
from tests.support.charts import chart_folder
from tests.support.inventory import objects
from tests.support.lab import Lab, driver, record_of
from tests.support.node_commands import processes
from tests.support.node_lab import not_passed, real_lab, verified
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
ABSENT = ("grafana", "kiali", "kube-state-metrics", "k8s-sidecar", "thanos")
"""What no image is built of; the real Prometheus and Alertmanager need none of it."""
# So that an alert fires within the time of a test.
QUICK: dict[str, Any] = {"meshMonitors": {"interval": "5s", "thresholds": {"holdCritical": "10s"}}}
ALERTMANAGER = "/api/v1/namespaces/prometheus/services/prom-kube-prometheus-stack-alertmanager:9093/proxy"
# Prometheus' own volume, which a test fills.
SMALL_VOLUME: dict[str, Any] = {
    "values": {
        "prometheus": {"prometheusSpec": {"storageSpec": {"emptyDir": {"medium": "Memory", "sizeLimit": "128Mi"}}}}
    }
}
ALERTS = f"{ALERTMANAGER}/api/v2/alerts?active=true"
OF_ISTIOD = "IstiodDefaultRevisionMissing"
SEEN_BY_PROMETHEUS = (
    "lab03.prometheus",
    "lab03.alertmanager",
    "lab03.targets-istiod",
    "lab03.targets-sidecars",
    "lab03.targets-envoy",
    "lab03.rules-loaded",
    "lab03.queries-envoy-demo",
    "lab03.queries-istio-control-plane",
)


def overlay() -> dict[str, Any]:
    istio = switched_off(Stack.load("dev")).config["meshlab:istio"]
    return {**QUICK, "istio": istio, "monitoring": SMALL_VOLUME}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[Lab]:
    charts = {"charts": {"source": str(chart_folder("dev"))}}
    stack = Stack.load("dev", overlay={**overlay(), **charts})
    found = stack.rendered(RenderTarget(default_kubernetes()), once=True)
    names = {name for _, name in named_images(found.objects) if not any(absent in name for absent in ABSENT)}
    with real_lab(tmp_path_factory.mktemp("lab03"), "lab03", image, names) as lab:
        driver(lab, **overlay()).up()
        yield lab


def alerts(lab: Lab) -> set[str]:
    """The alerts that are active in Alertmanager, asked by the API server: network policies refuse the lab's pods."""
    done = lab.cluster.kubectl("get", "--raw", ALERTS, check=False)
    return {entry["labels"]["alertname"] for entry in json.loads(done.stdout)} if done.code == 0 else set()


def test_the_operator_has_made_what_runs_on_the_real_node(lab: Lab) -> None:
    for name in ("prometheus", "alertmanager"):
        stateful = f"{name}-prom-kube-prometheus-stack-{name}"
        eventually(lambda stateful=stateful: ready_pods(lab, stateful) == 1, f"{stateful} is ready")
    pods = objects(lab.cluster, "pods", "-n", "prometheus", "-l", "app.kubernetes.io/managed-by=prometheus-operator")
    assert {pod["spec"]["nodeName"] for pod in pods} == {"real-node"}


def ready_pods(lab: Lab, name: str) -> int:
    found = objects(lab.cluster, "statefulsets", "-n", "prometheus", "--field-selector", f"metadata.name={name}")
    return found[0].get("status", {}).get("readyReplicas", 0) if found else 0


def test_every_target_is_up_every_rule_is_healthy_and_queries_answer(lab: Lab) -> None:
    results = verified(lab, lab.declared(**overlay()), 3)
    assert not_passed({check: results[check] for check in SEEN_BY_PROMETHEUS}) == {}
    assert [name for name, one in results.items() if one.status is Status.FAILED] == []


def test_an_alert_reaches_alertmanager_when_istiod_stops_and_goes_after(lab: Lab) -> None:
    assert OF_ISTIOD not in alerts(lab)
    scale(lab, 0)
    try:
        eventually(lambda: OF_ISTIOD in alerts(lab), "the alert is in Alertmanager", 240)
    finally:
        scale(lab, 1)
    eventually(lambda: OF_ISTIOD not in alerts(lab), "the alert is resolved", 240)


def scale(lab: Lab, replicas: int) -> None:
    # Its autoscaler leaves a Deployment without replicas alone.
    lab.cluster.kubectl("-n", "istio-system", "scale", "deployment/istiod-1-17", f"--replicas={replicas}")


def test_a_full_volume_of_prometheus_is_told_by_verify_until_there_is_room(lab: Lab) -> None:
    (prometheus,) = objects(lab.cluster, "pods", "-n", "prometheus", "-l", "app.kubernetes.io/name=prometheus")
    (pid, *_) = processes(record_of(lab.cluster), prometheus["metadata"]["uid"], "prometheus")
    filler = Path(f"/proc/{pid}/root/prometheus/filler")
    with pytest.raises(OSError, match="No space left on device"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    full = "no space left on device"
    eventually(lambda: full in rules(lab).seen, "verify names the reason", 240)
    filler.unlink()
    eventually(lambda: rules(lab).status is Status.PASSED, "the rules are evaluated again", 240)


def rules(lab: Lab) -> Result:
    """What verify says of the rules."""
    return verified(lab, lab.declared(**overlay()), 3, {"lab03.rules-loaded"})["lab03.rules-loaded"]
