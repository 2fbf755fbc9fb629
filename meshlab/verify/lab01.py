"""Lab 01: the standalone Envoy before httpbin, in namespace default."""

from collections.abc import Callable, Mapping

from base.assets import load_manifests, load_text
from components.envoy_demo import NAMESPACE
from kube.api_objects import Manifest, entries, mapping
from kube.objects import CONFIG_MAPS, DEPLOYMENTS, PODS, container_names, is_ready, listed, name_of
from kube.sidecars import PROXY
from settings.models import Settings

from ..results.outcome import Failed, NotApplicable, Seen
from .check import Check, Context
from .envoy_calls import base, retry, timeout
from .envoy_file import EXPECTED, facts
from .objects import fetched
from .reach import Caller
from .workloads import workload

CALLS: Mapping[str, tuple[Callable[[Context], Seen], str]] = {
    "base": (base, "no timeout: httpbin is told 15000 ms"),
    "timeout": (timeout, "timeout 1s: httpbin is told 1000 ms; /delay/5 answers 504 after about 1 s"),
    "retry": (retry, "timeout 1s, 3 retries: /status/500 answers 500, and Envoy counts 3 retries, none a success"),
}


def checks(settings: Settings) -> list[Check]:
    """The checks of Lab 01 for a stack."""
    scenario = settings.envoy_demo.scenario
    found = [
        Check("lab01.httpbin", "httpbin is there", "ServiceAccount, Service 8000 -> 80 (http), Deployment", _httpbin),
        Check("lab01.sleep", "sleep is there", "ServiceAccount, Service 80, Deployment", _sleep),
        Check(
            "lab01.sleep-calls", "sleep has curl and reaches httpbin", "GET httpbin:8000/headers answers 200", _direct
        ),
        Check(
            "lab01.envoy",
            "Envoy is there, outside the mesh",
            "ServiceAccount, Service 80 -> 15001 and 15000 -> 15000, Deployment without a sidecar",
            _envoy,
        ),
        Check(
            "lab01.envoy-config",
            f"Envoy's file is the one of scenario {scenario}",
            "; ".join(f"{name} {value}" for name, value in EXPECTED.items()),
            _config,
        ),
        Check(
            "lab01.envoy-rolled",
            "Envoy runs the file that is in force",
            "every pod mounts it, and no ConfigMap of another scenario is left",
            _rolled,
        ),
        *(
            Check(f"lab01.scenario-{name}", f"scenario {name}", expected, _in_force(name, call), limit=90)
            for name, (call, expected) in CALLS.items()
        ),
    ]
    if settings.envoy_demo.enabled:
        return found
    return [Check(c.id, c.title, c.expected, _disabled) for c in found]


def _disabled(context: Context) -> Seen:
    raise NotApplicable("the stack has envoyDemo.enabled: false")


def _in_force(scenario: str, call: Callable[[Context], Seen]) -> Callable[[Context], Seen]:
    def run(context: Context) -> Seen:
        now = context.settings.envoy_demo.scenario
        if now != scenario:
            raise NotApplicable(f"scenario {now} is in force")
        return call(context)

    return run


def _httpbin(context: Context) -> Seen:
    return workload(context, load_manifests("envoy_demo", "httpbin.yaml"), NAMESPACE)


def _sleep(context: Context) -> Seen:
    return workload(context, load_manifests("envoy_demo", "sleep.yaml"), NAMESPACE)


def _envoy(context: Context) -> Seen:
    seen = workload(context, load_manifests("envoy_demo", "envoy.yaml"), NAMESPACE)
    for pod in _pods(context):
        if PROXY in container_names(pod):
            raise Failed(f"pod {name_of(pod)} has a sidecar, whose ports are its own")
    return seen


def _direct(context: Context) -> Seen:
    reply = Caller(context, NAMESPACE).get("http://httpbin:8000/headers")
    if reply.status != 200:
        raise Failed(f"httpbin answers {reply.status}")
    return Seen(f"200 in {reply.seconds:.2f} s")


def _config(context: Context) -> Seen:
    scenario = context.settings.envoy_demo.scenario
    name = _mounted(fetched(context.cluster, DEPLOYMENTS, "envoy", NAMESPACE)["spec"]["template"])
    text = str(mapping(fetched(context.cluster, CONFIG_MAPS, name, NAMESPACE).get("data")).get("envoy.yaml", ""))
    seen = facts(text)
    wrong = [f"{key} {seen[key]}, expected {value}" for key, value in EXPECTED.items() if seen[key] != value]
    if wrong:
        raise Failed(f"ConfigMap {name}: {'; '.join(wrong)}")
    if text != load_text("envoy_demo", "scenarios", f"{scenario}.yaml"):
        raise Failed(f"ConfigMap {name} is not scenarios/{scenario}.yaml: route timeout {seen['route timeout']}")
    return Seen(f"ConfigMap {name}: all of it", tuple(f"{key}: {value}" for key, value in seen.items()))


def _rolled(context: Context) -> Seen:
    deployment = fetched(context.cluster, DEPLOYMENTS, "envoy", NAMESPACE)
    name, pods = _mounted(deployment["spec"]["template"]), _pods(context)
    others = sorted({mounted for pod in pods if (mounted := _mounted(pod)) != name})
    if not pods:
        raise Failed(f"no ready pod of envoy (namespace {NAMESPACE})")
    if others:
        raise Failed(f"the Deployment mounts {name}, its pods mount {', '.join(others)}")
    left = [name_of(item) for item in listed(context.cluster, CONFIG_MAPS, NAMESPACE, {"app": "envoy"})]
    if left != [name]:
        raise Failed(f"expected the ConfigMap {name} alone, got {', '.join(sorted(left)) or 'none'}")
    return Seen(f"{len(pods)} of {len(pods)} pods mount {name}, and no other is left")


def _pods(context: Context) -> list[Manifest]:
    return [pod for pod in context.cluster.list(PODS, NAMESPACE, {"app": "envoy"}) if is_ready(pod)]


def _mounted(pod: Manifest) -> str:
    """The ConfigMap of the volume `envoy` of a pod or a pod template."""
    for volume in entries(pod["spec"].get("volumes")):
        if volume["name"] == "envoy" and "configMap" in volume:
            return str(volume["configMap"]["name"])
    raise Failed("Envoy mounts no ConfigMap as its configuration")
