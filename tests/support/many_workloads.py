"""Forty namespaces on a tag with ten workloads each, and the stack files before and after the tag is moved."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedded.cluster import EmbeddedCluster
from meshlab.engine.driver import EngineDriver

from . import meshed
from .inventory import objects
from .lab import Lab, running_lab
from .rolling_record import RollingRecord
from .waiting import eventually, patiently

OLD, NEW = "1-17", "1-30"
TEAMS = [f"team-{number:02}" for number in range(40)]
WORKLOADS = [f"app-{number}" for number in range(10)]
LIMIT = 20
READY_SECONDS = 300
KILLED_AFTER = 60
"""Workloads that have begun to roll when a run is killed."""


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


@contextmanager
def running_many(folder: Path, driver: Callable[[Lab, str], EngineDriver]) -> Iterator[Lab]:
    """A lab with all of it running on the old revision, brought up by `driver` of a lab and the tag's revision."""
    with running_lab(folder, "rolling", over=stack(OLD)) as lab:
        # The stack labels the namespaces, and only then their pods get sidecars.
        _create(lab.cluster, [meshed.namespace(team) for team in TEAMS])
        driver(lab, OLD).up()
        _create(lab.cluster, [meshed.deployment(team, name) for team in TEAMS for name in WORKLOADS])
        eventually(lambda: not lab.unavailable_deployments(), "every workload runs", limit=READY_SECONDS)
        yield lab


def await_begun(record: RollingRecord, ended: Callable[[], bool]) -> None:
    """Returns when so many have begun to roll that the run may be killed, or when it has ended by itself."""
    eventually(lambda: len(record.order) >= KILLED_AFTER or ended(), "workloads roll", limit=READY_SECONDS)


def have_rolled_once(cluster: EmbeddedCluster, record: RollingRecord, begun: int) -> None:
    """Asserts that all did, within the limit, although a run was killed after `begun` of them."""
    assert meshed.status(cluster).behind == ()
    assert set(generations(cluster).values()) == {2}, "each rolled once"
    assert KILLED_AFTER <= begun < len(TEAMS) * len(WORKLOADS)
    assert LIMIT / 2 < record.most_at_once <= LIMIT


def generations(cluster: EmbeddedCluster) -> dict[str, int]:
    """How often each workload's specification has been written: once when it was made, and once each time it rolled."""
    return {
        f"{object_['metadata']['namespace']}/{object_['metadata']['name']}": object_["metadata"]["generation"]
        for object_ in objects(cluster, "deployments", "-A")
        if object_["metadata"]["namespace"] in TEAMS
    }


def _create(cluster: EmbeddedCluster, items: list[dict[str, Any]]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    # Applied, which can be repeated: what a slow server did not confirm may be there.
    apply = ("apply", "--server-side", "-f", "-")
    patiently(lambda: cluster.kubectl(*apply, stdin=text, timeout=READY_SECONDS), limit=READY_SECONDS)
