"""The resource that stands for "all workloads of the mesh are where their namespaces lead to".

It acts on what is in the cluster at the time of the update, which a preview cannot list; so it is a provider of the
program's own, in Python (Pulumi's dynamic providers). The engine keeps a reference to the class in its state.
"""

import sys
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import dynamic

from base.errors import MeshlabError
from rollout import roll as rollout

IDENTITY = "meshlab-rollout"
INPUTS = ("leadsTo", "installed", "namespaces", "atOnce", "timeoutSeconds", "context")


class RolloutProvider(dynamic.ResourceProvider):
    """Rolls on create and update; what is gone from the program has nothing to take back."""

    serialize_as_secret_always = False
    """Nothing in it is a secret."""

    def diff(self, _id: str, _olds: Mapping[str, Any], _news: Mapping[str, Any]) -> dynamic.DiffResult:
        """Changes of the inputs, and not of how Python wrote this class down."""
        return dynamic.DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in INPUTS))

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Bring all workloads to where they belong. Raises MeshlabError and AccessError."""
        return dynamic.CreateResult(IDENTITY, {**props, **_rolled({}, props)})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """The same as create: what is where it belongs already is left alone."""
        return dynamic.UpdateResult({**_news, **_rolled(_olds, _news)})


class Rollout(dynamic.Resource, module="meshlab", name="Rollout"):
    """All workloads of the mesh, rolled."""

    rolled: pulumi.Output[int]
    """How many workloads the last update has rolled."""
    left: pulumi.Output[list[str]]
    """Which it has left to their owners, with the reason: they were stuck before."""

    def __init__(self, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(RolloutProvider(), name, {**props, "rolled": None, "left": None}, opts)


def _rolled(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    # Only the process that rolls needs a client.
    from kube.cluster import Cluster

    try:
        rolled = rollout.follow(Cluster(context=now.get("context")), before, now)
    except MeshlabError:
        # The SDK answers with an error's traceback and offers no other way; the message of these is enough.
        sys.tracebacklimit = 0
        raise
    return {"rolled": rolled.count, "left": list(rolled.left)}
