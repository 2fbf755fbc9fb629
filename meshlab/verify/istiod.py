"""What an istiod says about itself: its registry of services, and how far its proxies have followed it."""

import json
from collections.abc import Mapping
from typing import Any, cast

from kube.api_objects import AccessError
from kube.objects import NODES, is_simulated, name_of, ready_pods
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL, RevisionNames

from ..results.outcome import Failed, NotApplicable
from .check import Context
from .reach import pod_port
from .web import AnswerError

MONITORING_PORT = 15014
KINDS = ("cluster", "listener", "route", "endpoint")


def registry(context: Context, revision: str) -> set[str]:
    """Host names of all services that a revision's istiod knows."""
    return {str(entry["hostname"]) for answer in _ask(context, revision, "registryz") for entry in answer}


def sync_states(context: Context, revision: str) -> dict[str, Mapping[str, Any]]:
    """What each proxy that is connected to the revision was sent and has acknowledged, by `<pod>.<namespace>`."""
    return {str(entry["proxy"]): entry for answer in _ask(context, revision, "syncz") for entry in answer}


def behind(state: Mapping[str, Any]) -> list[str]:
    """Kinds of configuration that a proxy was sent and has not acknowledged."""
    return [kind for kind in KINDS if state.get(f"{kind}_sent") and state[f"{kind}_sent"] != state.get(f"{kind}_acked")]


def _ask(context: Context, revision: str, page: str) -> list[list[dict[str, Any]]]:
    """The answer of each pod of the revision: each knows its own proxies only."""
    path = f"/debug/{page}"
    pods = ready_pods(context.cluster, ISTIO_NAMESPACE, {"app": "istiod", REVISION_LABEL: revision})
    if not pods:
        raise Failed(f"no ready pod of {RevisionNames(revision).istiod}")
    nodes = context.cluster.list(NODES)
    simulated = {name_of(node) for node in nodes if is_simulated(node)}
    if any(pod["spec"].get("nodeName") in simulated for pod in pods):
        return [_beside(context, revision, path)]
    # By port-forward, which arrives from the pod's own loopback: from anywhere else istiod wants a token for this.
    return [
        _services(pod_port(context, pod, MONITORING_PORT, f"istiod {name_of(pod)}").json(path), path) for pod in pods
    ]


def _beside(context: Context, revision: str, path: str) -> list[dict[str, Any]]:
    """The answer of the real istiod that an embedded cluster has beside it, which its API server's proxy leads to."""
    try:
        text = context.cluster.proxied(ISTIO_NAMESPACE, RevisionNames(revision).istiod, MONITORING_PORT, path)
    except AccessError as error:
        raise NotApplicable(f"no istiod of revision {revision} really runs: {error}") from None
    try:
        return _services(json.loads(text), path)
    except ValueError:
        raise AnswerError(f"istiod: GET {path}: expected JSON, got {text[:160]!r}") from None


def _services(answer: Any, path: str) -> list[dict[str, Any]]:
    if not isinstance(answer, list):
        raise AnswerError(f"istiod: GET {path}: expected a list, got {str(answer)[:160]}")
    return cast(list[dict[str, Any]], answer)
