"""Lab 03: what Kiali sees."""

from functools import partial

from components import envoy_demo
from components.kiali_spec import finds_control_planes
from kube.api_objects import entries, mapping
from kube.objects import DEPLOYMENTS, KIALIS, listed, name_of
from settings.models import Settings
from settings.names import ISTIO_NAMESPACE, RevisionNames

from ..results.outcome import Failed, NotApplicable, Seen
from .check import Check, Context
from .kiali import Kiali
from .objects import available, fetched
from .reach import require_operator, require_part, require_telemetry, service, stack_names
from .workloads import as_declared

PORT = 20001
EDGE = ("sleep", "httpbin")
DURATION = "10m"
OPERATOR = "kiali-operator"
TOKEN_SECONDS = 600
"""The shortest life that the API server gives a token."""


def checks(settings: Settings) -> list[Check]:
    """The checks of Kiali and its operator."""
    istiod = RevisionNames(settings.istio.default).istiod
    names = "" if finds_control_planes(settings.kiali) else f"; the three names of revision {settings.istio.default}"
    return [
        Check(
            "lab03.kiali-object",
            "the Kiali object names this stack",
            f"Prometheus {stack_names(settings).prometheus_url}{names}",
            _object,
        ),
        Check("lab03.kiali-operator", "Kiali's operator runs", "Deployment kiali-operator, all pods ready", _operator),
        Check(
            "lab03.kiali-installed",
            "the operator has installed Kiali",
            "condition Successful of the Kiali object, Deployment kiali ready",
            _installed,
        ),
        Check("lab03.kiali-healthy", "Kiali is healthy", "/healthz answers 200, its state is running", _healthy),
        Check("lab03.kiali-prometheus", "Kiali sees Prometheus", "a version of it in /api/status", _sees_prometheus),
        Check("lab03.kiali-istio", "Kiali sees Istio", f"{istiod} is Healthy in /api/istio/status", _sees_istio),
        Check(
            "lab03.kiali-graph",
            "Kiali's graph shows the ten calls",
            f"edge {' -> '.join(EDGE)} in namespace {envoy_demo.NAMESPACE}, last {DURATION}",
            partial(_graph, EDGE),
            limit=120,
        ),
    ]


def kiali(context: Context, *, signed_in: bool = True) -> Kiali:
    """The stack's Kiali, signed in where it wants that. NotApplicable where only a person could sign in."""
    installed = any(name_of(item) == "kiali" for item in listed(context.cluster, DEPLOYMENTS, ISTIO_NAMESPACE))
    if not installed:
        require_operator(context, OPERATOR, context.settings.kiali.namespace)
    server = mapping(context.settings.kiali.spec.get("server"))
    target = Kiali(service(context, ISTIO_NAMESPACE, "kiali", PORT, "Kiali"), str(server.get("web_root", "/kiali")))
    strategy = context.settings.kiali.auth_strategy
    if not signed_in or strategy == "anonymous":
        return target
    if strategy != "token":
        raise NotApplicable(f"people sign in to Kiali by {strategy}, which a program cannot")
    pods = fetched(context.cluster, DEPLOYMENTS, "kiali", ISTIO_NAMESPACE)["spec"]["template"]["spec"]
    # Its own account may read all that it shows.
    target.sign_in(context.cluster.token(ISTIO_NAMESPACE, str(pods["serviceAccountName"]), TOKEN_SECONDS))
    return target


def _object(context: Context) -> Seen:
    spec = as_declared(context, context.program.one("Kiali", "kiali", ISTIO_NAMESPACE))["spec"]
    services = spec["external_services"]
    named = [str(value) for key, value in mapping(services.get("istio")).items() if key.endswith("_name")]
    # From 2.14 on it is told of none.
    return Seen(f"{services['prometheus']['url']}; {', '.join(named) or 'finds each control plane by itself'}")


def _operator(context: Context) -> Seen:
    namespace = context.settings.kiali.namespace
    return Seen(f"{available(context.cluster, fetched(context.cluster, DEPLOYMENTS, OPERATOR, namespace))} ready")


def _installed(context: Context) -> Seen:
    status = mapping(fetched(context.cluster, KIALIS, "kiali", ISTIO_NAMESPACE).get("status"))
    conditions = entries(status.get("conditions"))
    if not conditions:
        require_operator(context, OPERATOR, context.settings.kiali.namespace)
    states = {entry["type"]: entry["status"] for entry in conditions}
    if states.get("Successful") != "True":
        failure = next((entry.get("message", "") for entry in conditions if entry["type"] == "Failure"), "")
        raise Failed(f"conditions {states or 'none'}{f': {failure}' if failure else ''}")
    ready = available(context.cluster, fetched(context.cluster, DEPLOYMENTS, "kiali", ISTIO_NAMESPACE))
    return Seen(f"Successful, {ready} ready")


def _healthy(context: Context) -> Seen:
    if not kiali(context, signed_in=False).healthy():
        raise Failed("/healthz does not answer 200")
    try:
        status = kiali(context).status()
    except NotApplicable as reason:
        return Seen(f"/healthz answers 200, and no more can be asked: {reason}")
    if status.get("Kiali state") != "running":
        raise Failed(f"state {status.get('Kiali state') or 'unknown'}")
    return Seen(f"{status.get('Kiali version', 'of unknown version')}, running")


def _sees_prometheus(context: Context) -> Seen:
    require_part(context, "prometheus")
    services = kiali(context).services()
    if not services.get("Prometheus"):
        raise Failed(f"it reaches {', '.join(sorted(services)) or 'nothing'}")
    return Seen(f"Prometheus {services['Prometheus']}")


def _sees_istio(context: Context) -> Seen:
    states = kiali(context).components()
    istiod = RevisionNames(context.settings.istio.default).istiod
    # Older versions call it by its Deployment's name, or just istiod; the minimal profile lacks their gateways.
    ours = {name: state for name, state in states.items() if name in (istiod, "istiod")}
    details = tuple(f"{name}: {state}" for name, state in sorted(states.items()))
    if not ours or set(ours.values()) != {"Healthy"}:
        raise Failed(", ".join(details) or "no component at all", details)
    return Seen(", ".join(f"{name} {state}" for name, state in ours.items()), details)


def _graph(edge: tuple[str, str], context: Context) -> Seen:
    if envoy_demo.NAMESPACE not in context.settings.mesh.namespaces or not context.settings.envoy_demo.enabled:
        raise NotApplicable("the stack has no httpbin in the mesh")
    require_part(context, "prometheus")
    target = kiali(context)
    require_telemetry(context)

    def look() -> Seen:
        edges = target.workload_edges(envoy_demo.NAMESPACE, DURATION)
        lines = tuple(f"{source} -> {called}" for source, called in sorted(edges))
        if edge not in edges:
            raise Failed(f"edges: {', '.join(lines) or 'none'}", lines)
        return Seen(f"{' -> '.join(edge)}, one of {len(edges)} edges", lines)

    return context.eventually(look)
