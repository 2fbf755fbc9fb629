"""Lab 03: what Prometheus scrapes, counts and judges."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from components import envoy_demo, sample_apps
from kube.api_objects import Manifest
from kube.objects import NODES, PODS, annotations_of, container_names, is_ready, is_simulated, labels_of, name_of
from kube.sidecars import PROXY
from settings.models import Settings
from settings.names import ISTIO_NAMESPACE

from ..results.outcome import Failed, NotApplicable, Seen
from .check import Check, Context
from .lab03_monitors import declared_rules
from .objects import require_real
from .prometheus import Prometheus
from .reach import Caller, require_part, require_telemetry, service, stack_names

CALLS = 10
URL = "http://httpbin.default:8000/headers"
# As httpbin's own sidecar reports them: one count a call.
COUNTED = 'istio_requests_total{reporter="destination", destination_workload="httpbin", source_workload="sleep"}'
METRICS, STATS = "/metrics", "/stats/prometheus"
ISTIOD_PORT = 15014


def checks(settings: Settings) -> list[Check]:
    """The checks of Prometheus."""
    once = "each is exactly one target, and that is healthy"
    return [
        Check("lab03.targets-istiod", "each istiod is scraped once", once, _istiods, limit=90),
        Check("lab03.targets-sidecars", "each sidecar is scraped once", once, _sidecars, limit=90),
        Check("lab03.targets-envoy", "the standalone Envoy is scraped once", once, _envoys, limit=90),
        Check(
            "lab03.rules-loaded",
            "Prometheus has the rules, and evaluates them without error",
            "every rule of the mesh loaded, every rule healthy",
            _rules,
            limit=120,
        ),
        Check(
            "lab03.load",
            "ten calls show in Prometheus",
            f"istio_requests_total of sleep -> httpbin rises by {CALLS} or more",
            _load,
            limit=180,
        ),
    ]


def prometheus(context: Context) -> Prometheus:
    """The stack's Prometheus. NotApplicable where it has none."""
    require_part(context, "prometheus")
    names = stack_names(context.settings)
    web = service(context, names.namespace, names.prometheus, names.prometheus_port, "Prometheus")
    return Prometheus(web, names.prometheus_path)


def _istiods(context: Context) -> Seen:
    pods = [pod for pod in context.cluster.list(PODS, ISTIO_NAMESPACE, {"app": "istiod"}) if is_ready(pod)]
    return _each_once(context, pods, METRICS, ISTIOD_PORT)


def _sidecars(context: Context) -> Seen:
    pods = [pod for pod in context.cluster.list(PODS) if is_scraped_sidecar(pod)]
    if not pods and not _meshed_workloads(context.settings):
        raise NotApplicable("the stack has no workload in the mesh")
    return _each_once(context, pods, STATS)


def _meshed_workloads(settings: Settings) -> bool:
    owned = {envoy_demo.NAMESPACE: settings.envoy_demo.enabled, sample_apps.NAMESPACE: settings.sample_apps.enabled}
    return any(enabled and namespace in settings.mesh.namespaces for namespace, enabled in owned.items())


def _envoys(context: Context) -> Seen:
    if not context.settings.envoy_demo.enabled:
        raise NotApplicable("the stack has envoyDemo.enabled: false")
    pods = [pod for pod in context.cluster.list(PODS, envoy_demo.NAMESPACE, {"app": "envoy"}) if is_ready(pod)]
    return _each_once(context, pods, STATS)


def require_a_real_sidecar(context: Context) -> None:
    """NotApplicable where all sidecars that Prometheus is to scrape are on simulated nodes."""
    simulated = {name_of(node) for node in context.cluster.list(NODES) if is_simulated(node)}
    pods = [pod for pod in context.cluster.list(PODS) if is_scraped_sidecar(pod)]
    if pods and all(pod["spec"].get("nodeName") in simulated for pod in pods):
        raise NotApplicable(f"no sidecar really runs: all {len(pods)} are on nodes simulated by kwok")


def is_scraped_sidecar(pod: Manifest) -> bool:
    """Whether a pod has a sidecar that the mesh's PodMonitor is to find."""
    return (
        is_ready(pod)
        and PROXY in container_names(pod)
        and annotations_of(pod).get("prometheus.io/scrape") == "true"
        and "istio-prometheus-ignore" not in labels_of(pod)
    )


def _each_once(context: Context, pods: Sequence[Manifest], path: str, port: int | None = None) -> Seen:
    """Each pod is one healthy target; what Prometheus finds by other monitors on other ports or paths is not meant."""
    source = prometheus(context)
    if not pods:
        raise Failed("no pod that is ready could be a target")
    for pod in pods:
        require_real(context.cluster, pod)

    def look() -> Seen:
        found = [
            target
            for target in source.targets()
            if (where := urlsplit(str(target["scrapeUrl"]))).path == path and port in (None, where.port)
        ]
        wrong = [fault for pod in pods if (fault := _fault(pod, found))]
        if wrong:
            raise Failed(f"{len(wrong)} of {len(pods)}: {'; '.join(wrong[:3])}", tuple(wrong))
        return Seen(f"{len(pods)} of {len(pods)}", tuple(name_of(pod) for pod in pods))

    return context.eventually(look)


def _fault(pod: Manifest, targets: Sequence[dict[str, Any]]) -> str:
    """What is wrong with the targets of a pod; empty where it is one healthy target."""
    key = (str(pod["metadata"]["namespace"]), name_of(pod))
    own = [target for target in targets if _pod_of(target) == key]
    if len(own) != 1:
        pools = ", ".join(sorted(str(target["scrapePool"]) for target in own))
        return f"{key[1]} is {len(own)} targets" + (f" ({pools})" if pools else "")
    if own[0]["health"] != "up":
        return f"{key[1]} is {own[0]['health']}: {own[0].get('lastError') or 'not scraped yet'}"
    return ""


def _pod_of(target: dict[str, Any]) -> tuple[str, str]:
    """Namespace and name of the pod that a target is, as Prometheus discovered it."""
    found = target["discoveredLabels"]
    return str(found.get("__meta_kubernetes_namespace", "")), str(found.get("__meta_kubernetes_pod_name", ""))


def _rules(context: Context) -> Seen:
    source = prometheus(context)
    wanted = {
        group["name"]: len(group["rules"])
        for declared_rule in declared_rules(context.program)
        for group in declared_rule["spec"]["groups"]
    }

    def look() -> Seen:
        groups = source.rule_groups()
        loaded = {str(group["name"]): len(group["rules"]) for group in groups}
        missing = [name for name, count in wanted.items() if loaded.get(name) != count]
        if missing:
            raise Failed(f"not loaded, or not all of it: {', '.join(missing)}", tuple(missing))
        rules = [rule for group in groups for rule in group["rules"]]
        ill = [f"{rule['name']}: {rule.get('lastError') or rule['health']}" for rule in rules if rule["health"] != "ok"]
        if ill:
            raise Failed(f"{len(ill)} of {len(rules)} rules: {ill[0]}", tuple(ill))
        return Seen(f"{sum(wanted.values())} rules of the mesh, {len(rules)} in all, every one healthy")

    return context.eventually(look)


def _load(context: Context) -> Seen:
    if envoy_demo.NAMESPACE not in context.settings.mesh.namespaces or not context.settings.envoy_demo.enabled:
        raise NotApplicable("the stack has no httpbin in the mesh")
    source = prometheus(context)
    require_telemetry(context)
    caller = Caller(context, envoy_demo.NAMESPACE)
    context.say(f"  ten calls, then until they are scraped (every {context.settings.mesh_monitors.interval})")
    before = source.number(f"sum({COUNTED})")
    if before is None:
        # A counter that begins at ten shows no rise to anybody who asks for a rate.
        _call(caller, 1)
        before = _counted(context, source, 1.0)
    _call(caller, CALLS)
    after = _counted(context, source, before + CALLS)
    more = "" if after - before == CALLS else " (others call as well)"
    return Seen(f"from {before:.0f} to {after:.0f}{more}")


def _call(caller: Caller, times: int) -> None:
    statuses = caller.repeat(URL, times)
    if statuses != [200] * times:
        raise Failed(f"{statuses.count(200)} of {times} calls answered 200: {statuses}")


def _counted(context: Context, source: Prometheus, least: float) -> float:
    """The count, once it is `least` or more."""

    def look() -> Seen:
        count = source.number(f"sum({COUNTED})") or 0.0
        if count < least:
            raise Failed(f"istio_requests_total of sleep -> httpbin is {count:.0f}, not {least:.0f}")
        return Seen(f"{count}")

    return float(context.eventually(look).text)
