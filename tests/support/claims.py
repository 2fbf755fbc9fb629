"""What the lab promises, as assertions over what was seen.

Pure functions: the tests hand them what a real run showed, the mutation test the same of a run with one correction
undone. Each says which of its expectations failed.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .shapes import OLD, SIDECARS, VERSIONS

Object = Mapping[str, Any]
"""A Kubernetes object."""
Target = Mapping[str, Any]
"""An active target, as Prometheus' /api/v1/targets has it."""

PROMETHEUS = "prom-kube-prometheus-stack-prometheus"
LAST_APPLIED_LIMIT_BYTES = 262_144
"""What all annotations of an object may have together; client-side apply writes the whole object into one."""


# --- targets


def each_istiod_is_one_target(targets: Iterable[Target], pods: Iterable[Object]) -> None:
    """One target for the istiod of each revision, through the revision's own Service."""
    expected: dict[str, Mapping[str, str]] = {}
    for pod in pods:
        if pod["metadata"]["labels"].get("app") != "istiod":
            continue
        revision = pod["metadata"]["labels"]["istio.io/rev"]
        address = f"{pod['status']['podIP']}:15014"
        # Discovery names the container that declares the port; the chart of 1.17 does not declare it.
        declared = {container["name"] for container in pod["spec"]["containers"] if _declares(container, 15014)}
        expected[f"http://{address}/metrics"] = {
            **({"container": "discovery"} if declared else {}),
            "app": "istiod",
            "endpoint": "http-monitoring",
            "instance": address,
            "istio_rev": revision,
            "job": "pilot",
            "namespace": "istio-system",
            "pod": pod["metadata"]["name"],
            "service": f"istiod-{revision}",
        }
    assert {labels["istio_rev"] for labels in expected.values()} == set(VERSIONS), "an istiod of each revision"
    _are(targets, expected)


def each_sidecar_is_one_target(targets: Iterable[Target], pods: Iterable[Object]) -> None:
    """One target for each sidecar of the table, at its agent's port, and none for any other pod."""
    expected: dict[str, Mapping[str, str]] = {}
    found: set[tuple[str, str]] = set()
    for pod in pods:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        workload = (namespace, pod["metadata"].get("labels", {}).get("app", ""))
        if workload not in SIDECARS:
            continue
        found.add(workload)
        address = pod["status"]["podIP"]
        instance = f"[{address}]:15020" if ":" in address else f"{address}:15020"
        expected[f"http://{instance}/stats/prometheus"] = {
            "container": "istio-proxy",
            "instance": instance,
            "istio_rev": SIDECARS[workload],
            "job": "envoy-stats",
            "namespace": namespace,
            "pod": name,
            "pod_name": name,
        }
    assert found == set(SIDECARS), f"pods that the table has and the cluster lacks: {set(SIDECARS) - found}"
    _are(targets, expected)


def the_standalone_envoy_is_one_target(targets: Iterable[Target], pods: Iterable[Object]) -> None:
    """One target for the Envoy of Lab 01, at its admin port."""
    (pod,) = (pod for pod in pods if _app(pod) == ("default", "envoy"))
    address = f"{pod['status']['podIP']}:15000"
    labels = {
        "container": "envoy",
        "endpoint": "admin",
        "instance": address,
        "job": "envoy",
        "namespace": "default",
        "pod": pod["metadata"]["name"],
        "service": "envoy",
    }
    _are(targets, {f"http://{address}/stats/prometheus": labels})


def all_are_healthy(targets: Iterable[Target]) -> None:
    """Every scrape has succeeded."""
    sick = [f"{target['scrapeUrl']}: {target['health']} {target['lastError']}" for target in targets]
    assert [line for line in sick if not line.endswith(": up ")] == []


def _declares(container: Mapping[str, Any], port: int) -> bool:
    return port in (port["containerPort"] for port in container.get("ports", ()))


def _are(targets: Iterable[Target], expected: Mapping[str, Mapping[str, str]]) -> None:
    """That the targets are exactly these, by address, with exactly these labels."""
    seen = sorted(_line(target["scrapeUrl"], target["labels"]) for target in targets)
    wanted = sorted(_line(url, labels) for url, labels in expected.items())
    missing, unexpected = (
        [claim for claim in wanted if claim not in seen],
        [claim for claim in seen if claim not in wanted],
    )
    told = [f"missing {line}" for line in missing] + [f"unexpected {line}" for line in unexpected]
    assert not told, "\n".join([f"{len(wanted)} targets expected, {len(seen)} seen", *told])
    assert len(seen) == len(wanted)


def _line(url: str, labels: Mapping[str, str]) -> str:
    return f"{url} {json.dumps(labels, sort_keys=True)}"


# --- rules


def all_rules_are_loaded(loaded: Sequence[Mapping[str, Any]], objects: Iterable[Object]) -> None:
    """Every rule of the PrometheusRules is loaded and has been evaluated, and no loaded rule at all has failed."""
    wanted = [
        rule.get("record") or rule["alert"]
        for object_ in objects
        for group in object_["spec"]["groups"]
        for rule in group["rules"]
    ]
    assert wanted
    names = [rule["name"] for rule in loaded]
    missing = {name for name in wanted if names.count(name) < wanted.count(name)}
    assert not missing, f"rules that Prometheus has not loaded: {sorted(missing)}"
    # Some of the stack's own are evaluated every few minutes only.
    late = {rule["name"] for rule in loaded if rule["name"] in wanted and rule["health"] == "unknown"}
    assert not late, f"rules that have not been evaluated: {sorted(late)}"
    failed = [f"{rule['name']}: {rule['lastError']}" for rule in loaded if rule["health"] == "err"]
    assert not failed, f"rules that fail: {failed}"


# --- injection


def has_its_sidecar(pods: Iterable[Object], app: str, revision: str, namespace: str = "default") -> None:
    """Every pod of an application has a sidecar of this revision, image included."""
    mine = [pod for pod in pods if _app(pod) == (namespace, app)]
    assert mine, f"{namespace}/{app}: expected a pod, got none"
    for pod in mine:
        assert "istio-proxy" in containers(pod), f"{namespace}/{app}: expected a sidecar, got {containers(pod)}"
        assert revision_of(pod) == revision, f"{namespace}/{app}: expected {revision}, got {revision_of(pod)}"
        (image,) = (container["image"] for container in pod["spec"]["containers"] if container["name"] == "istio-proxy")
        assert image.endswith(f":{VERSIONS[revision]}"), f"{namespace}/{app}: {image} is not {VERSIONS[revision]}"


def has_no_sidecar(pods: Iterable[Object], app: str, namespace: str = "default") -> None:
    """Every pod of an application is as its manifest says."""
    mine = [pod for pod in pods if _app(pod) == (namespace, app)]
    assert mine, f"{namespace}/{app}: expected a pod, got none"
    for pod in mine:
        assert "istio-proxy" not in containers(pod), f"{namespace}/{app}: expected no sidecar, got {containers(pod)}"


def namespace_has_no_sidecars(pods: Iterable[Object], namespace: str) -> None:
    """No pod of the namespace was touched by an injector."""
    mine = [pod for pod in pods if pod["metadata"]["namespace"] == namespace]
    assert mine, f"{namespace}: expected pods, got none"
    touched = [pod["metadata"]["name"] for pod in mine if "istio-proxy" in containers(pod)]
    assert not touched, f"{namespace}: expected no sidecars, got them in {touched}"


def the_alias_leads_to_the_default_revision(revisions: Collection[str]) -> None:
    """`revisions` are those of the istiods behind the Service, one entry an endpoint."""
    assert sorted(revisions) == [OLD], f"the Service istiod leads to {sorted(revisions)}, expected {OLD} alone"


def the_validator_is_served(configuration: Object, services: Iterable[Object]) -> None:
    """A validating webhook leads to the Service of a revision, is trusted, and refuses where it cannot be asked."""
    own = {
        service["metadata"]["name"] for service in services if "istio.io/rev" in service["metadata"].get("labels", {})
    }
    name = configuration["metadata"]["name"]
    for webhook in configuration["webhooks"]:
        client = webhook["clientConfig"]
        service = client["service"]["name"]
        assert client.get("caBundle"), f"{name}: nobody has given it a certificate (it names {service})"
        assert service in own, f"{name}: expected the Service of a revision ({sorted(own)}), got {service}"
        assert webhook["failurePolicy"] == "Fail", f"{name}: it lets everything pass ({webhook['failurePolicy']})"


def the_registry_has_every_service(registry: Collection[str], services: Iterable[Object]) -> None:
    """Istiod knows every Service of the cluster by its full name, whether or not it is in the mesh."""
    wanted = {
        f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local" for service in services
    }
    assert wanted <= set(registry), f"Services that istiod's registry lacks: {sorted(wanted - set(registry))}"


def waited_for_the_mesh(history: Iterable[tuple[str, Object]], app: str, revision: str) -> None:
    """The first pod of an application came after the namespace's label and after the injector's certificate, and no
    pod of it was ever without its sidecar. `history` are the events of watches; versions count over all of them."""
    events = list(history)
    labelled = _first(
        one
        for _, one in events
        if one["kind"] == "Namespace" and one["metadata"]["labels"].get("istio.io/rev") == revision
    )
    trusted = _first(
        one
        for _, one in events
        if one["metadata"]["name"] == f"istio-sidecar-injector-{revision}"
        and all(webhook["clientConfig"].get("caBundle") for webhook in one["webhooks"])
    )
    pods = [one for kind, one in events if kind == "ADDED" and one["kind"] == "Pod" and _app(one)[1] == app]
    assert labelled, f"the namespace was never labelled with {revision}"
    assert trusted, f"the injector of {revision} never got its certificate"
    assert pods, f"there never was a pod of {app}"
    assert labelled < (first := _first(pods)), f"{app} was created (version {first}) before the label ({labelled})"
    assert trusted < first, f"{app} was created (version {first}) before the injector could answer ({trusted})"
    for pod in pods:
        assert "istio-proxy" in containers(pod), f"{app}: a pod came without its sidecar: {pod['metadata']['name']}"


def containers(pod: Object) -> list[str]:
    """Names of a pod's containers, native sidecars among them."""
    spec = pod["spec"]
    return [container["name"] for container in (*spec.get("initContainers", ()), *spec["containers"])]


def revision_of(pod: Object) -> str:
    """The revision that injected a pod's sidecar, by its own note on the pod."""
    return json.loads(pod["metadata"]["annotations"]["sidecar.istio.io/status"])["revision"]


def _app(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"].get("labels", {}).get("app", "")


def _first(objects: Iterable[Object]) -> int:
    """The lowest resource version, 0 where there is no object."""
    return min((int(object_["metadata"]["resourceVersion"]) for object_ in objects), default=0)


# --- Kiali and Grafana


def kiali_names_what_is_there(spec: Mapping[str, Any], there: Collection[str]) -> None:
    """Every name in Kiali's spec is an object of the cluster; `there` has them as `<kind> <namespace>/<name>`."""
    istio = spec["external_services"].get("istio")
    host, _, port = spec["external_services"]["prometheus"]["url"].removeprefix("http://").partition(":")
    service, _, namespace = host.partition(".")
    # From 2.14 on Kiali finds the control planes by itself.
    control_plane = (
        []
        if istio is None
        else [
            f"ConfigMap istio-system/{istio.get('config_map_name', 'istio')}",
            f"Deployment istio-system/{istio.get('istiod_deployment_name', 'istiod')}",
            f"ConfigMap istio-system/{istio.get('istio_sidecar_injector_config_map_name', 'istio-sidecar-injector')}",
        ]
    )
    named = [*control_plane, f"Service {namespace}/{service}"]
    missing = [name for name in named if name not in there]
    assert not missing, f"Kiali is told of what is not there: {missing}"
    assert port == "9090"


def the_kiali_object_has_one_owner(rendered: Iterable[Object]) -> None:
    """Of the Kiali objects that the operator's chart renders there is none: ours is the program's."""
    brought = [manifest["metadata"]["name"] for manifest in rendered]
    assert not brought, f"the chart brings a Kiali object of its own: {brought}"


def each_dashboard_can_be_applied_by_hand(config_maps: Iterable[Object]) -> None:
    """Each ConfigMap is small enough for client-side apply."""
    sizes = {config_map["metadata"]["name"]: len(json.dumps(config_map)) for config_map in config_maps}
    assert sizes
    big = {name: size for name, size in sizes.items() if size > LAST_APPLIED_LIMIT_BYTES}
    assert not big, f"bytes of ConfigMaps that client-side apply refuses: {big}"
