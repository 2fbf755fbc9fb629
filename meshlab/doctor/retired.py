"""Addresses of Istio that are switched off in December 2026: who still pulls charts or images from them.

Source: istio.io, blog of 2026-08-21 on the retirement of the project's Google-hosted places. Charts of all versions
are at settings.charts.UPSTREAM, images at components.istiod_values.HUB.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from base.wording import counted
from components.istiod_values import HUB
from kube.cluster import Cluster
from kube.objects import DEPLOYMENTS, PODS
from policy.pack.walk import texts
from settings.charts import UPSTREAM
from settings.names import ISTIO_NAMESPACE

from ..charts.lock import ChartLock
from ..preflight.finding import Finding, Level

RETIRED = ("istio-release.storage.googleapis.com", "gcr.io/istio-release", "registry.istio.io")
"""What an address that is switched off begins with, after its scheme."""

_SUBJECT = "addresses"
_WHEN = "is switched off in December 2026"
_PROXIES = "security.istio.io/tlsMode"
"""A label that the injector sets on each pod that it gives a sidecar."""


def in_stack(config: Mapping[str, Any], lock: ChartLock) -> Iterator[Finding]:
    """A warning for each setting of a stack's file, and for each entry of charts.lock, that names such an address."""
    for path, text in texts(config):
        if _is_retired(text):
            fix = f"write {UPSTREAM['istiod'] if '/charts' in text else HUB}, or leave the setting out"
            yield Finding(_SUBJECT, Level.WARNING, f"{path}: {text} {_WHEN}", fix)
    for (name, version), locked in sorted(lock.charts.items()):
        if any(address in locked.source for address in RETIRED):
            text = f"charts.lock: {name} {version} was taken from {locked.source}, which {_WHEN}"
            fix = f"the digest stays right: write {UPSTREAM['istiod']} as its source"
            yield Finding(_SUBJECT, Level.WARNING, text, fix)


def in_cluster(cluster: Cluster) -> Iterator[Finding]:
    """A warning where an istiod, or a pod's sidecar, runs an image from such an address. Raises AccessError."""
    istiods = cluster.list(DEPLOYMENTS, ISTIO_NAMESPACE, {"app": "istiod"})
    old = [istiod["metadata"]["name"] for istiod in istiods if _images(istiod["spec"]["template"]["spec"])]
    if old:
        yield Finding(
            _SUBJECT,
            Level.WARNING,
            f"{', '.join(old)} in {ISTIO_NAMESPACE}: the image's registry {_WHEN}; a node that does not have the image "
            "cannot start it then",
            f"bring the stack up: istiod rolls to {HUB}, and each sidecar follows when its pod is restarted",
        )
    pods = cluster.list(PODS, labels=_PROXIES)
    proxies = sorted({f"{pod['metadata']['namespace']}" for pod in pods if _images(pod["spec"])})
    if proxies:
        count = sum(1 for pod in pods if _images(pod["spec"]))
        yield Finding(
            _SUBJECT,
            Level.WARNING,
            f"{counted(count, 'pod')} in {', '.join(proxies)}: the registry of their sidecar's image {_WHEN}",
            "bring the stack up first, then restart their workloads: kubectl -n NAMESPACE rollout restart deployment",
        )


def _images(pod: Mapping[str, Any]) -> list[str]:
    """The images of a pod's spec that come from a retired registry."""
    containers: Iterable[Mapping[str, Any]] = [*pod.get("containers", ()), *pod.get("initContainers", ())]
    return [str(container["image"]) for container in containers if _is_retired(str(container["image"]))]


def _is_retired(address: str) -> bool:
    return address.partition("://")[2].startswith(RETIRED) or address.startswith(RETIRED)
