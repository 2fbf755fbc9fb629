"""Forty namespaces on a tag with ten workloads each, and the stack files before and after the tag is moved."""

import json
from typing import Any

from meshlab.cluster import Cluster

from . import meshed
from .inventory import objects
from .lab import Lab
from .waiting import eventually

OLD, NEW = "1-17", "1-30"
TEAMS = [f"team-{number:02}" for number in range(40)]
WORKLOADS = [f"app-{number}" for number in range(10)]
LIMIT = 20
READY_SECONDS = 300


def stack(tag: str) -> dict[str, Any]:
    """The sections of the stack's config with the tag at one revision, and without workloads of the program's own."""
    return {
        "istio": {
            "revisions": {OLD: {"version": "1.17.6"}, NEW: {"version": "1.30.3"}},
            "tags": {"stable": tag},
            "defaultRevision": OLD,
        },
        "mesh": {"namespaces": dict.fromkeys(TEAMS, "stable"), "rollAtOnce": LIMIT},
        "envoyDemo": {"enabled": False},
        "sampleApps": {"enabled": False},
    }


def create_namespaces(cluster: Cluster) -> None:
    """The namespaces, before the stack labels them."""
    _create(cluster, [meshed.namespace(team) for team in TEAMS])


def create_workloads(lab: Lab) -> None:
    """The workloads, once the namespaces are in the mesh; returns when all run."""
    _create(lab.cluster, [meshed.deployment(team, name) for team in TEAMS for name in WORKLOADS])
    eventually(lambda: not lab.unavailable_deployments(), "every workload runs", limit=READY_SECONDS)


def generations(cluster: Cluster) -> dict[str, int]:
    """How often each workload's specification has been written: once when it was made, and once each time it rolled."""
    return {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["metadata"]["generation"]
        for one in objects(cluster, "deployments", "-A")
        if one["metadata"]["namespace"] in TEAMS
    }


def _create(cluster: Cluster, items: list[dict[str, Any]]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    cluster.kubectl("create", "-f", "-", stdin=text, timeout=READY_SECONDS)
