"""The values of the istiod chart, for one revision."""

from typing import Any

from settings.istiod_spelling import CHARTS_MOST, spelled
from settings.models import ClusterSettings, RevisionSettings
from settings.names import REVISION_LABEL

HUB = "docker.io/istio"
"""Where the images of every version of Istio are. The charts' own default, up to 1.30, is switched off in 2026."""


def istiod_values(revision: str, settings: RevisionSettings, cluster: ClusterSettings) -> dict[str, Any]:
    """What the lab wants of its control plane, and what the settings say of its size."""
    own: dict[str, Any] = {
        # The chart scales istiod by a HorizontalPodAutoscaler, whose minimum is what decides.
        "replicaCount": settings.replicas,
        "autoscaleMin": settings.replicas,
        # All that istiod lacks for Kubernetes' strictest Pod Security level.
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    least = settings.least_replicas
    if least > CHARTS_MOST:
        # Else the chart's own, which the API server refuses below the minimum.
        own["autoscaleMax"] = least
    if settings.resources is not None:
        own["resources"] = settings.resources.values
    if settings.replicas > 1:
        own["affinity"] = _apart(revision)
    needs = cluster.pod_needs
    if needs.tolerations:
        own["tolerations"] = needs.tolerated()
    values: dict[str, Any] = {
        "revision": revision,
        **spelled(settings.version, own),
        "meshConfig": {
            "enablePrometheusMerge": True,
            "defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}},
        },
        # Sidecars as well: the injector takes their image from here.
        "global": {"hub": cluster.images.of(HUB)},
    }
    if needs.pull_secrets:
        # For istiod's account, and by the injector for the pods that get a sidecar.
        values["global"]["imagePullSecrets"] = list(needs.pull_secrets)
    if cluster.webhook_annotations:
        # Charts of old Istios know no such value; nothing of the kind is there for labels, nor for the validator.
        values["sidecarInjectorWebhookAnnotations"] = dict(cluster.webhook_annotations)
    return values


def _apart(revision: str) -> dict[str, Any]:
    """Pods of one revision on different nodes, where there are enough; a hard rule would block a rollout on a few."""
    selector = {"matchLabels": {"app": "istiod", REVISION_LABEL: revision}}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
