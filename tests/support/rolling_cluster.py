"""A cluster of objects whose Deployments roll, for what rolls them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kube.api_objects import Manifest, MissingError, Resource
from rollout.mark import RESTARTED

STATUS = "sidecar.istio.io/status"


@dataclass
class Rolling:
    """One Deployment: what its pods have, and what they will have once it has rolled."""

    namespace: str
    name: str
    revisions: list[str]
    """Of each pod's sidecar; empty text for none."""
    template: dict[str, Any] = field(default_factory=dict[str, Any])
    restarts: int = 0
    """How often it was told to roll."""
    rolling: bool = False
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    stuck: str = ""
    """What its Progressing condition says where it never comes up."""

    def manifest(self) -> Manifest:
        """The Deployment."""
        count = len(self.revisions)
        ready = 0 if self.rolling else count
        conditions = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": self.stuck}]
        return {
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "generation": 1 + self.restarts,
                "annotations": dict(self.annotations),
            },
            "spec": {"replicas": count, "template": {"metadata": {}, "spec": {}, **self.template}},
            "status": {
                "observedGeneration": 1 + self.restarts,
                "replicas": count,
                "updatedReplicas": ready,
                "availableReplicas": ready,
                "conditions": conditions if self.stuck and self.rolling else [],
            },
        }

    def pods(self) -> list[Manifest]:
        """Its pods, each of its ReplicaSet."""
        return [
            pod(self.namespace, f"{self.name}-abc-{index}", one, self.name) for index, one in enumerate(self.revisions)
        ]


def pod(namespace: str, name: str, revision: str, deployment: str = "") -> dict[str, Any]:
    """A pod with a sidecar of a revision, of a Deployment or of its own."""
    owners = [{"kind": "ReplicaSet", "name": f"{deployment}-abc", "controller": True}] if deployment else []
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"pod-template-hash": "abc"},
            "annotations": {STATUS: json.dumps({"revision": revision})} if revision else {},
            "ownerReferences": owners,
        },
        "spec": {"containers": []},
        "status": {"phase": "Running"},
    }


class RollingCluster:
    """Namespaces by label, and Deployments in them; what is told to roll is done after `takes` ticks."""

    def __init__(self, labels: Mapping[str, str], injects: Mapping[str, str], *deployments: Rolling) -> None:
        """`injects`: revision by label, as the webhooks have it."""
        self.labels, self.injects, self.deployments = dict(labels), dict(injects), list(deployments)
        self.config_maps: list[Manifest] = []
        """Those of the control plane."""
        self.more_labels: dict[str, dict[str, str]] = {}
        """Labels by namespace, beside the revision's."""
        self.bare: list[dict[str, Any]] = []
        self.most_at_once = 0
        self.order: list[str] = []

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        return self._named(namespace, name).manifest()

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        if resource.kind == "ConfigMap":
            return self.config_maps
        if resource.kind == "Namespace":
            return [
                {"metadata": {"name": name, "labels": {**({"istio.io/rev": one} if one else {}), **self._more(name)}}}
                for name, one in self.labels.items()
            ]
        here = [deployment for deployment in self.deployments if namespace in ("", deployment.namespace)]
        if resource.kind == "Pod":
            bare = [pod for pod in self.bare if namespace in ("", pod["metadata"]["namespace"])]
            return [*(pod for workload in here for pod in workload.pods()), *bare]
        return [workload.manifest() for workload in here] if resource.kind == "Deployment" else []

    def merge_patch(
        self, resource: Resource, name: str, namespace: str, patch: Mapping[str, Any], manager: str
    ) -> Manifest:
        assert RESTARTED in patch["spec"]["template"]["metadata"]["annotations"]
        one = self._named(namespace, name)
        template = one.template.setdefault("metadata", {}).setdefault("annotations", {})
        template.update(patch["spec"]["template"]["metadata"]["annotations"])
        one.annotations.update(patch["metadata"]["annotations"])
        one.restarts, one.rolling = one.restarts + 1, True
        self.order.append(f"{namespace}/{name}")
        self.most_at_once = max(self.most_at_once, sum(each.rolling for each in self.deployments))
        return one.manifest()

    def tick(self, seconds: float) -> None:
        """Time passes: the first that rolls is done, with pods of the revision that its namespace leads to."""
        for deployment in self.deployments:
            if deployment.rolling and not deployment.stuck:
                deployment.revisions = [self.injects.get(self.labels[deployment.namespace], "")] * len(
                    deployment.revisions
                )
                deployment.rolling = False
                return

    def _more(self, namespace: str) -> dict[str, str]:
        return self.more_labels.get(namespace, {})

    def _named(self, namespace: str, name: str) -> Rolling:
        for deployment in self.deployments:
            if (deployment.namespace, deployment.name) == (namespace, name):
                return deployment
        raise MissingError(f"{namespace}/{name} is not there")
