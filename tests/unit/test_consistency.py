"""Each check over rendered objects: what fits passes, what does not is told by object, field, expected and found."""

import copy
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from meshlab.consistency.blame import TRIALS, Blame, without
from meshlab.consistency.check import inconsistencies
from meshlab.consistency.finding import Inconsistency
from meshlab.consistency.ranges import quantity, seconds
from meshlab.consistency.verdict import RULE, Verdict, verdict
from meshlab.render.objects import KubernetesObject
from policy.pack import allowed
from tests.render.objects import obj

LABELS = {"app": "shop"}


def shop(spec: Mapping[str, Any] | None = None, **container: Any) -> KubernetesObject:
    """A Deployment of one container that listens at 8080."""
    main = {"name": "main", "ports": [{"name": "http", "containerPort": 8080}], **container}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [main], **(spec or {})}}
    whole = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template}
    return obj("Deployment", "shop", {"spec": whole}, api="apps/v1", namespace="shop")


def service(**port: Any) -> KubernetesObject:
    ports = [{"name": "http", "port": 80, "targetPort": "http", **port}]
    content = {"metadata": {"labels": LABELS}, "spec": {"selector": LABELS, "ports": ports}}
    return obj("Service", "shop", content, namespace="shop")


def webhook(name: str = "shop", **called: Any) -> KubernetesObject:
    hook = {"name": "shop.test", "clientConfig": {"service": {"name": name, "namespace": "shop", "port": 80, **called}}}
    return obj("ValidatingWebhookConfiguration", "shop", {"webhooks": [hook]}, namespace="")


def monitor(kind: str = "ServiceMonitor", **spec: Any) -> KubernetesObject:
    content = {"metadata": {"labels": {"release": "prom"}}, "spec": {"selector": {"matchLabels": LABELS}, **spec}}
    return obj(kind, "shop", content, api="monitoring.coreos.com/v1", namespace="shop")


def prometheus(**spec: Any) -> KubernetesObject:
    selector = {"matchLabels": {"release": "prom"}}
    whole = {"serviceMonitorSelector": selector, "serviceMonitorNamespaceSelector": {}, "scrapeInterval": "30s", **spec}
    return obj("Prometheus", "prom", {"spec": whole}, api="monitoring.coreos.com/v1", namespace="shop")


def scaler(least: int, most: int) -> KubernetesObject:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    spec = {"minReplicas": least, "maxReplicas": most, "scaleTargetRef": target}
    return obj("HorizontalPodAutoscaler", "shop", {"spec": spec}, api="autoscaling/v2", namespace="shop")


def budget(**spec: Any) -> KubernetesObject:
    content = {"spec": {"selector": {"matchLabels": LABELS}, **spec}}
    return obj("PodDisruptionBudget", "shop", content, api="policy/v1", namespace="shop")


def policy(*ingress: Mapping[str, Any]) -> KubernetesObject:
    spec = {"podSelector": {"matchLabels": LABELS}, "policyTypes": ["Ingress"], "ingress": list(ingress)}
    return obj("NetworkPolicy", "shop", {"spec": spec}, api="networking.k8s.io/v1", namespace="shop")


def binding(role: str, account: str) -> KubernetesObject:
    content = {
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "shop"}],
    }
    return obj("ClusterRoleBinding", "shop", content, api="rbac.authorization.k8s.io/v1", namespace="")


def file(text: str, name: str = "config") -> KubernetesObject:
    return obj("ConfigMap", name, {"data": {"shop.yaml": text}}, namespace="shop")


def secret(name: str = "keys") -> KubernetesObject:
    return obj("Secret", name, {"data": {"key": "a2V5"}}, namespace="shop")


def account(name: str = "shop") -> KubernetesObject:
    return obj("ServiceAccount", name, namespace="shop")


NAMESPACE = obj("Namespace", "shop", namespace="")
PAIR = [NAMESPACE, shop(), service()]
SCRAPED = [*PAIR, prometheus(), monitor(endpoints=[{"port": "http"}])]
CLAIM = obj("PersistentVolumeClaim", "data", namespace="shop")
CERTIFICATE = obj("Certificate", "c", {"spec": {"secretName": "keys"}}, api="cert-manager.io/v1", namespace="shop")


def mounts(kind: str, **source: Any) -> KubernetesObject:
    return shop({"volumes": [{"name": "data", kind: source}]}, volumeMounts=[{"name": "data", "mountPath": "/data"}])


def reads(**source: Any) -> KubernetesObject:
    return shop(env=[{"name": "KEY", "valueFrom": source}])


class Case(NamedTuple):
    """Objects that fit, objects that do not and differ in one thing, and what is said of those."""

    good: list[KubernetesObject]
    bad: list[KubernetesObject]
    said: str


CASES = {
    "a mounted Secret": Case(
        [NAMESPACE, secret(), mounts("secret", secretName="keys")],
        [NAMESPACE, secret(), mounts("secret", secretName="others")],
        "spec.template.spec.volumes[0].secret.secretName: expected a Secret shop/others, got none",
    ),
    "a mounted ConfigMap": Case(
        [NAMESPACE, file(""), mounts("configMap", name="config")],
        [NAMESPACE, file(""), mounts("configMap", name="others")],
        "volumes[0].configMap: expected a ConfigMap shop/others, got none",
    ),
    "a ConfigMap that may be missing": Case(
        [NAMESPACE, mounts("configMap", name="config", optional=True)],
        [NAMESPACE, mounts("configMap", name="config", optional=False)],
        "expected a ConfigMap shop/config, got none",
    ),
    "a key of a Secret": Case(
        [NAMESPACE, secret(), reads(secretKeyRef={"name": "keys", "key": "key"})],
        [NAMESPACE, secret(), reads(secretKeyRef={"name": "keys", "key": "password"})],
        "expected the key password in Secret shop/keys, got key",
    ),
    "a claim": Case(
        [NAMESPACE, CLAIM, mounts("persistentVolumeClaim", claimName="data")],
        [NAMESPACE, mounts("persistentVolumeClaim", claimName="data")],
        "expected a PersistentVolumeClaim shop/data, got none",
    ),
    "a ServiceAccount": Case(
        [NAMESPACE, account(), shop({"serviceAccountName": "shop"})],
        [NAMESPACE, account(), shop({"serviceAccountName": "other"})],
        "spec.template.spec.serviceAccountName: expected a ServiceAccount shop/other, got none",
    ),
    "a pull secret": Case(
        [NAMESPACE, secret("registry"), shop({"imagePullSecrets": [{"name": "registry"}]})],
        [NAMESPACE, shop({"imagePullSecrets": [{"name": "registry"}]})],
        "imagePullSecrets[0]: expected a Secret shop/registry, got none",
    ),
    "a priority": Case(
        [NAMESPACE, shop({"priorityClassName": "system-cluster-critical"})],
        [NAMESPACE, shop({"priorityClassName": "high"})],
        "expected a PriorityClass high, got none",
    ),
    "a binding's role": Case(
        [NAMESPACE, account(), binding("view", "shop")],
        [NAMESPACE, account(), binding("other", "shop")],
        "roleRef: expected a ClusterRole other, got none",
    ),
    "a binding's account": Case(
        [NAMESPACE, account(), binding("view", "shop")],
        [NAMESPACE, account(), binding("view", "other")],
        "subjects[0]: expected a ServiceAccount shop/other, got none",
    ),
    "a namespace": Case(
        [NAMESPACE, account()],
        [account()],
        "metadata.namespace: expected a Namespace shop, got none",
    ),
    "a Service of a webhook": Case(
        [*PAIR, webhook()],
        [*PAIR, webhook("other")],
        "webhooks[shop.test].clientConfig.service: expected a Service shop/other, got none",
    ),
    "a port of a webhook": Case(
        [*PAIR, webhook()],
        [*PAIR, webhook(port=443)],
        "expected the port 443 at Service shop/shop, got http 80",
    ),
    "pods of a Service": Case(
        PAIR,
        [NAMESPACE, service()],
        "spec.selector: expected pods with app=shop in shop, got none",
    ),
    "a named port of pods": Case(
        PAIR,
        [NAMESPACE, shop(), service(targetPort="web")],
        "spec.ports[http].targetPort: expected a port named web of Deployment shop/shop, got http",
    ),
    "a monitored Service": Case(
        [*PAIR, monitor(endpoints=[{"port": "http"}])],
        [*PAIR, monitor(selector={"matchLabels": {"app": "other"}})],
        "spec.selector: expected a Service with app=other in shop, got none",
    ),
    "a monitored port": Case(
        [*PAIR, monitor(endpoints=[{"port": "http"}])],
        [*PAIR, monitor(endpoints=[{"port": "web"}])],
        "spec.endpoints[0].port: expected the port web at Service shop/shop, got http 80",
    ),
    "monitored pods": Case(
        [*PAIR, monitor("PodMonitor", podMetricsEndpoints=[{"port": "http"}])],
        [*PAIR, monitor("PodMonitor", podMetricsEndpoints=[{"port": "web"}])],
        "expected a port named web of Deployment shop/shop, got http",
    ),
    "a selector of Prometheus": Case(
        [*PAIR, monitor(), prometheus()],
        [*PAIR, monitor(), prometheus(serviceMonitorSelector={"matchLabels": {"team": "shop"}})],
        "a selector that takes each ServiceMonitor of the stack, got team=shop, which leaves out shop/shop",
    ),
    "a scaled workload": Case(
        [*PAIR, scaler(1, 2)],
        [NAMESPACE, scaler(1, 2)],
        "spec.scaleTargetRef: expected a Deployment shop/shop, got none",
    ),
    "replicas": Case(
        [*PAIR, scaler(2, 2)],
        [*PAIR, scaler(6, 5)],
        "spec.minReplicas: expected at most maxReplicas 5, got 6",
    ),
    "a budget": Case(
        [*PAIR, budget(minAvailable=2)],
        [*PAIR, budget(minAvailable=3)],
        "spec.minAvailable: expected at most 2, which Deployment shop/shop has, got 3",
    ),
    "a budget of both kinds": Case(
        [*PAIR, budget(minAvailable=1)],
        [*PAIR, budget(minAvailable=1, maxUnavailable=1)],
        "expected either minAvailable or maxUnavailable, got both",
    ),
    "a scrape's time": Case(
        [*PAIR, prometheus(), monitor(endpoints=[{"port": "http", "scrapeTimeout": "30s"}])],
        [*PAIR, prometheus(), monitor(endpoints=[{"port": "http", "scrapeTimeout": "1m"}])],
        "spec.endpoints[0].scrapeTimeout: expected at most the interval 30s, got 1m",
    ),
    "requests and limits": Case(
        [NAMESPACE, shop(resources={"requests": {"cpu": "500m"}, "limits": {"cpu": 1}})],
        [NAMESPACE, shop(resources={"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}})],
        "template.spec.containers[main].resources.requests.cpu: expected at most its limit 1, got 1500m",
    ),
    "a probe's port": Case(
        [NAMESPACE, shop(readinessProbe={"httpGet": {"path": "/", "port": "http"}})],
        [NAMESPACE, shop(readinessProbe={"httpGet": {"path": "/", "port": "web"}})],
        "readinessProbe.httpGet.port: expected a port named web, got http",
    ),
    "a probe's successes": Case(
        [NAMESPACE, shop(livenessProbe={"successThreshold": 1})],
        [NAMESPACE, shop(livenessProbe={"successThreshold": 2})],
        "livenessProbe.successThreshold: expected 1, got 2",
    ),
    "a volume": Case(
        [NAMESPACE, shop({"volumes": [{"name": "data", "emptyDir": {}}]}, volumeMounts=[{"name": "data"}])],
        [NAMESPACE, shop({"volumes": [{"name": "data", "emptyDir": {}}]}, volumeMounts=[{"name": "date"}])],
        "volumeMounts: expected a volume named date, got data",
    ),
    "an address": Case(
        [*PAIR, file("url: http://shop.shop:80/api")],
        [*PAIR, file("url: http://store.shop:80/api")],
        "data.shop.yaml: expected a Service shop/store for http://store.shop:80/api, got none",
    ),
    "an address without its scheme": Case(
        [*PAIR, file("address: shop.shop.svc:80")],
        [*PAIR, file("address: shop.shop.svc.cluster.local:81")],
        "expected the port 81 at Service shop/shop for shop.shop.svc.cluster.local:81, got 80",
    ),
    "a way in": Case(
        [*PAIR, webhook(), policy({"ports": [{"port": 8080}]})],
        [*PAIR, webhook(), policy({"ports": [{"port": 9090}]})],
        "expected a NetworkPolicy that lets the API server in at port http of Deployment shop/shop, got only policies",
    ),
    "a way in for Prometheus": Case(
        [*SCRAPED, policy({"from": [{"podSelector": {}}]})],
        [*SCRAPED, policy({"from": [{"podSelector": {"matchLabels": LABELS}}]})],
        "expected a NetworkPolicy that lets Prometheus shop/prom in at port http of Deployment shop/shop",
    ),
    "an object that two bring": Case(
        PAIR,
        [*PAIR, obj("Service", "shop", {"spec": {}}, namespace="shop", release="prom")],
        "metadata.name: expected one that brings it, got the program and prom",
    ),
    "a Secret that two make": Case(
        [NAMESPACE, CERTIFICATE, mounts("secret", secretName="keys")],
        [NAMESPACE, CERTIFICATE, mounts("secret", secretName="keys"), secret()],
        "metadata.name: expected one that makes it, got the program and Certificate shop/c",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_fits_passes_and_what_does_not_is_told(case: Case) -> None:
    assert inconsistencies(case.good) == []
    assert [inconsistency.text for inconsistency in inconsistencies(case.bad) if case.said in inconsistency.text], [
        inconsistency.text for inconsistency in inconsistencies(case.bad)
    ]


def test_what_others_have_in_the_cluster_is_not_judged() -> None:
    elsewhere = [
        file("url: http://tempo.tracing:3100"),
        monitor(namespaceSelector={"matchNames": ["other"]}),
        obj("Service", "dns", {"spec": {"selector": {"k8s-app": "dns"}, "ports": []}}, namespace="kube-system"),
        shop({"serviceAccountName": "default"}),
    ]
    assert inconsistencies([NAMESPACE, *elsewhere]) == []


def test_quantities_and_durations_are_read_as_kubernetes_and_prometheus_do() -> None:
    assert [quantity(text) for text in ("500m", "2", 2, "1Gi", "1.5", "x", None)] == [0.5, 2, 2, 2**30, 1.5, None, None]
    assert [seconds(text) for text in ("30s", "1m30s", "500ms", "x", None)] == [30, 90, 0.5, None, None]


def test_the_time_for_a_stack_grows_with_its_objects() -> None:
    board = {"data": {"board.json": "x" * 50_000 + "http://there.example"}}
    many: list[KubernetesObject] = []
    for number in range(100):
        many.append(obj("Service", f"s{number}", {"spec": {"selector": LABELS, "ports": []}}, namespace="shop"))
        many.append(obj("ConfigMap", f"c{number}", board, namespace="shop"))
        many.append(obj("Deployment", f"d{number}", {"spec": shop().manifest["spec"]}, api="apps/v1", namespace="shop"))

    def cpu_seconds(objects: list[KubernetesObject]) -> float:
        started = time.process_time()
        assert inconsistencies([NAMESPACE, *objects]) == []
        return time.process_time() - started

    quarter = cpu_seconds(many[: len(many) // 4])
    # With the square of their number, it would be sixteen times as much.
    assert cpu_seconds(many) < 10 * quarter


CONFIG = {
    "meshlab:monitoring": {
        "version": "88.5.3",
        "values": {"grafana": {"replicas": 2}, "prometheus": {"prometheusSpec": {"secrets": ["etcd"], "bad": "x"}}},
    },
    "meshlab:mesh": {"rollAtOnce": 2},
}
WRONG = Inconsistency("Secret", secret(), "spec", "a Secret", "none")


def tried(*paths: tuple[str, ...]) -> Any:
    """A trial that finds nothing more without one of `paths`, or without what is around it."""

    def trial(config: Mapping[str, Any]) -> list[Inconsistency]:
        for path in paths:
            value: Any = {key.removeprefix("meshlab:"): section for key, section in config.items()}
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                return []
        return [WRONG]

    return trial


@pytest.mark.parametrize(
    "path",
    [
        ("monitoring", "values", "prometheus", "prometheusSpec", "bad"),
        ("monitoring", "values", "grafana"),
        ("mesh", "rollAtOnce"),
    ],
    ids=".".join,
)
def test_the_smallest_value_without_which_it_fits_is_to_blame(path: tuple[str, ...]) -> None:
    found = Blame(CONFIG, [WRONG], tried(path)).paths()["Secret"]
    assert found[: len(path)] == path


def test_nothing_is_to_blame_where_no_value_helps_and_looking_for_it_ends() -> None:
    many = {"meshlab:monitoring": {"values": {f"key{number}": number for number in range(2 * TRIALS)}}}
    asked: list[Any] = []

    def never(config: Mapping[str, Any]) -> list[Inconsistency] | None:
        asked.append(config)
        return None if len(asked) % 2 else [WRONG]

    assert Blame(many, [WRONG], never).paths() == {}
    assert len(asked) <= TRIALS


def test_leaving_a_value_out_leaves_the_rest_as_it_is() -> None:
    before = copy.deepcopy(CONFIG)
    after = without(CONFIG, ("monitoring", "values", "grafana"))
    assert before == CONFIG
    assert after["meshlab:monitoring"]["values"] == {"prometheus": before["meshlab:monitoring"]["values"]["prometheus"]}


def test_an_exception_is_a_line_in_a_list_as_for_the_other_rules(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = CASES["a mounted Secret"].bad
    (broken,) = verdict(objects, {}, lambda config: None).broken
    assert broken.found.endswith("secret.secretName: expected a Secret shop/others, got none")
    listed = f"list it in policy/allowed/{RULE}.yaml if it is as it should be"
    assert broken.line == f"{broken.found} (no value of the stack file brings this; {listed})"
    listed = "- who: Deployment shop/shop\n  may: ['*expected a Secret shop/others*']\n  why: The vault brings it.\n"
    (tmp_path / f"{RULE}.yaml").write_text(listed, encoding="utf-8")
    monkeypatch.setattr(allowed, "FOLDER", tmp_path)
    allowed.exemptions.cache_clear()
    try:
        assert verdict(objects, {}, lambda config: None) == Verdict()
    finally:
        allowed.exemptions.cache_clear()
