"""The Kiali object goes first: only its operator can take away what it has installed, and then the finalizer."""

import time
from collections.abc import Sequence

from base.errors import MeshlabError
from base.say import Say
from kube.api_objects import Manifest, MissingError, mapping
from kube.cluster import Cluster
from kube.objects import DEPLOYMENTS, KIALIS, listed, name_of

from ..ownership.owned import Ours

LIMIT_SECONDS = 120.0
POLL_SECONDS = 0.5
OPERATOR = "kiali-operator"


def remove_kialis(cluster: Cluster, ours: Ours, say: Say, limit: float = LIMIT_SECONDS) -> None:
    """Delete the stack's Kiali objects and wait until they are gone.

    Raises MeshlabError where none is left who could take the finalizer away, or nobody has after `limit` seconds.
    """
    waiting = [item for item in listed(cluster, KIALIS) if ours.mark(item)]
    for kiali in waiting:
        cluster.delete(KIALIS, kiali)
    end = time.monotonic() + limit
    told = False
    while waiting := [now for item in waiting if (now := _again(cluster, item)) is not None]:
        finalizers = [name for item in waiting for name in _finalizers(item)]
        where = f"{waiting[0]['metadata']['namespace']}/{name_of(waiting[0])}"
        if finalizers and not _operators(cluster, ours):
            raise MeshlabError(_stuck(waiting[0], f"no {OPERATOR} runs that could"))
        if time.monotonic() > end:
            raise MeshlabError(_stuck(waiting[0], f"its operator has not within {limit:g} s"))
        if finalizers and not told:
            told = True
            say(f"waits for the operator to take Kiali {where} away (up to {limit:g} s)")
        time.sleep(POLL_SECONDS)


def _again(cluster: Cluster, kiali: Manifest) -> Manifest | None:
    """The same object as it is now; None where it is gone."""
    metadata = kiali["metadata"]
    try:
        now = cluster.get(KIALIS, name_of(kiali), metadata["namespace"])
    except MissingError:
        return None
    return now if now["metadata"]["uid"] == metadata["uid"] else None


def _operators(cluster: Cluster, ours: Ours) -> Sequence[Manifest]:
    """The operator's Deployments that have a pod."""
    return [
        item
        for item in listed(cluster, DEPLOYMENTS)
        if item["metadata"]["namespace"] in ours.namespaces | ours.adopted
        and name_of(item) == OPERATOR
        and mapping(item.get("status")).get("availableReplicas")
    ]


def _finalizers(kiali: Manifest) -> list[str]:
    return list(kiali["metadata"].get("finalizers") or ())


def _stuck(kiali: Manifest, who: str) -> str:
    namespace, name = kiali["metadata"]["namespace"], name_of(kiali)
    finalizers = ", ".join(_finalizers(kiali)) or "nothing that shows"
    patch = """'{"metadata":{"finalizers":null}}'"""
    return (
        f"Kiali {namespace}/{name}: waits for its finalizer ({finalizers}) to be taken away, and {who}; "
        f"nothing else is removed yet (do it in its place, then again: kubectl patch kiali {name} --namespace "
        f"{namespace} --type merge -p {patch})"
    )
