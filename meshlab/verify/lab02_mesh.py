"""Lab 02: the workloads in the mesh, and the sample applications."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from base.assets import load_manifests
from components import envoy_demo, sample_apps
from kube.api_objects import Manifest
from kube.objects import NAMESPACES, annotations_of, container_names, labels_of, name_of, ready_pods
from kube.sidecars import PROXY, injected_by
from settings.models import Settings
from settings.names import INJECTION_LABEL, REVISION_LABEL

from ..results.outcome import Failed, NotApplicable, Seen
from . import istiod
from .check import Check, Context
from .objects import fetched, require_real
from .reach import Caller
from .workloads import workload

CHAIN = ("web-api", "recommendation", "purchase-history-v1")
"""The names that the sample applications answer with, from the first to the last."""
HTTPBIN = "httpbin"


def checks(settings: Settings) -> list[Check]:
    """The checks of what is in the mesh."""
    demo, revision = envoy_demo.NAMESPACE, settings.mesh.namespaces.get(envoy_demo.NAMESPACE)
    found = [
        Check(
            f"lab02.namespace-{namespace}",
            f"namespace {namespace} is in the mesh",
            f"label {REVISION_LABEL}={wanted}, and no istio-injection",
            partial(_namespace, namespace),
        )
        for namespace, wanted in settings.mesh.namespaces.items()
    ]
    for app in (HTTPBIN, "sleep"):
        found.append(
            Check(
                f"lab02.sidecar-{app}",
                f"{app} runs with its sidecar",
                f"each pod has the container {PROXY}, of the revision that {revision or '(none)'} stands for",
                _if_meshed(demo, partial(_sidecar, app)),
            )
        )
    for namespace in settings.mesh.namespaces:
        if namespace != demo:
            found.append(
                Check(
                    f"lab02.sidecars-{namespace}",
                    f"everything in namespace {namespace} runs with its sidecar",
                    f"each pod that does not opt out has the container {PROXY}, of the namespace's revision",
                    partial(_sidecars, namespace),
                )
            )
    found.append(
        Check(
            "lab02.in-sync",
            "httpbin's sidecar has all that istiod sent it",
            "in /debug/syncz, the last of each kind is acknowledged",
            _if_meshed(demo, _in_sync),
            limit=60,
        )
    )
    return found + _sample_apps(settings)


def _sample_apps(settings: Settings) -> list[Check]:
    found = [
        Check(
            f"lab02.{file.removesuffix('.yaml')}",
            f"sample application {file.removesuffix('.yaml')} is there",
            "ServiceAccount, Service and Deployment as declared",
            partial(_application, file),
        )
        for file in sample_apps.FILES
    ]
    chain = Check("lab02.chain", "the sample applications call each other", " -> ".join(CHAIN), _chain)
    if settings.sample_apps.enabled:
        return [*found, chain]
    return [Check(check.id, check.title, check.expected, _disabled) for check in (*found, chain)]


def _disabled(context: Context) -> Seen:
    raise NotApplicable("the stack has sampleApps.enabled: false")


def _if_meshed(namespace: str, run: Callable[[Context], Seen]) -> Callable[[Context], Seen]:
    def guarded(context: Context) -> Seen:
        if namespace not in context.settings.mesh.namespaces:
            raise NotApplicable(f"the stack has namespace {namespace} in no mesh")
        if namespace == envoy_demo.NAMESPACE and not context.settings.envoy_demo.enabled:
            raise NotApplicable("the stack has envoyDemo.enabled: false")
        return run(context)

    return guarded


def _namespace(namespace: str, context: Context) -> Seen:
    labels = labels_of(fetched(context.cluster, NAMESPACES, namespace))
    revision, injection = labels.get(REVISION_LABEL), labels.get("istio-injection")
    seen = f"{REVISION_LABEL}={revision or '(none)'}" + (f", istio-injection={injection}" if injection else "")
    if revision != context.settings.mesh.namespaces[namespace] or injection is not None:
        raise Failed(seen)
    return Seen(seen)


def _sidecar(workload: str, context: Context) -> Seen:
    return _injected(_pods(context, workload), revision_of(context, envoy_demo.NAMESPACE))


def _sidecars(namespace: str, context: Context) -> Seen:
    pods = [
        pod
        for pod in ready_pods(context.cluster, namespace, {})
        if "false" not in (labels_of(pod).get(INJECTION_LABEL), annotations_of(pod).get(INJECTION_LABEL))
    ]
    if not pods:
        raise Failed(f"no ready pod in namespace {namespace}")
    return _injected(pods, revision_of(context, namespace))


def _injected(pods: Sequence[Manifest], wanted: str) -> Seen:
    for pod in pods:
        if PROXY not in container_names(pod):
            raise Failed(f"pod {name_of(pod)} has no container {PROXY}: {', '.join(container_names(pod))}")
        if (revision := injected_by(pod)) != wanted:
            raise Failed(f"pod {name_of(pod)} has a sidecar of revision {revision or '(unknown)'}, not {wanted}")
    return Seen(f"{len(pods)} of {len(pods)} pods: {', '.join(container_names(pods[0]))}, revision {wanted}")


def revision_of(context: Context, namespace: str) -> str:
    """The revision of a namespace that is in the mesh; its label may be a tag."""
    return str(context.program.revision(context.settings.mesh.namespaces[namespace]))


def _in_sync(context: Context) -> Seen:
    revision = revision_of(context, envoy_demo.NAMESPACE)
    pods = _pods(context, HTTPBIN)
    require_real(context.cluster, pods[0])

    def look() -> Seen:
        states = istiod.sync_states(context, revision)
        for pod in pods:
            proxy = f"{name_of(pod)}.{envoy_demo.NAMESPACE}"
            if proxy not in states:
                raise Failed(f"{proxy} is not connected to istiod of revision {revision}")
            if behind := istiod.behind(states[proxy]):
                raise Failed(f"{proxy} has not acknowledged: {', '.join(behind)}")
        return Seen(f"{len(pods)} of {len(pods)} pods, {len(states)} proxies connected in all")

    return context.eventually(look)


def _pods(context: Context, workload: str) -> list[Manifest]:
    pods = ready_pods(context.cluster, envoy_demo.NAMESPACE, {"app": workload})
    if not pods:
        raise Failed(f"no ready pod of {workload} (namespace {envoy_demo.NAMESPACE})")
    return pods


def _application(file: str, context: Context) -> Seen:
    return workload(context, load_manifests("sample_apps", file), sample_apps.NAMESPACE)


def _chain(context: Context) -> Seen:
    reply = Caller(context, sample_apps.NAMESPACE).get("http://web-api:8080/")
    try:
        names = _answering(json.loads(reply.body))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed(f"web-api answers {reply.status}: {reply.body.strip()[:80]!r}") from None
    if reply.status != 200 or names != list(CHAIN):
        raise Failed(f"web-api answers {reply.status}, from {' -> '.join(names)}")
    return Seen(f"200, from {' -> '.join(names)}")


def _answering(answer: Any) -> list[str]:
    """The names in an answer of fake-service, down its chain: v0.7.8 has a list of calls, newer versions a mapping."""
    calls: Any = answer.get("upstream_calls") or []
    below: list[Any] = list(cast(Any, calls).values()) if isinstance(calls, dict) else calls
    return [str(answer["name"]), *(name for call in below for name in _answering(call))]
