"""The status of a canary as lines of text, and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from base.wording import counted
from rollout.mesh_workloads import Workload

from .status import ControlPlane, MeshStatus

SHOWN = 20
HEAD = ("REVISION", "ISTIO", "ISTIODS", "TAGS", "DEFAULT", "PROXIES")


def lines(status: MeshStatus) -> list[str]:
    """The control planes as a table, and who still must roll."""
    rows = [HEAD, *map(_row, status.control_planes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    found = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    found += [
        f"revision {orphan.revision}: {sum(orphan.proxies.values())} proxies and no istiod; restart them: they get no "
        "more configuration"
        for orphan in status.orphans
    ]
    if not status.behind:
        return [*found, "every workload of the mesh is on the revision that its namespace leads to"]
    namespaces = {workload.namespace for workload in status.behind}
    return [
        *found,
        f"still to roll: {counted(len(status.behind), 'workload')} of {counted(len(namespaces), 'namespace')}",
        *planned(status.behind),
    ]


def planned(workloads: Sequence[Workload]) -> Iterator[str]:
    """Where each of the first workloads is, and where it belongs."""
    for workload in workloads[:SHOWN]:
        found = ", ".join(revision or "no sidecar" for revision in workload.found)
        by = f", by {workload.label}" if workload.label != workload.wanted else ""
        yield f"  {workload}: {found} -> {workload.wanted}{by}"
    if len(workloads) > SHOWN:
        yield f"  and {len(workloads) - SHOWN} more"


def document(status: MeshStatus) -> str:
    """The status as JSON."""
    return json.dumps(
        {
            "controlPlanes": [asdict(control_plane) for control_plane in status.control_planes],
            "behind": [_entry(workload) for workload in status.behind],
        },
        indent=2,
    )


def _row(one: ControlPlane) -> tuple[str, ...]:
    proxies = ", ".join(f"{count} of {version}" for version, count in one.proxies.items())
    istiods = f"{one.ready}/{one.wanted}"
    return (
        one.revision,
        one.version or "-",
        istiods,
        ", ".join(one.tags) or "-",
        "yes" if one.default else "-",
        proxies or "none",
    )


def _entry(one: Workload) -> Mapping[str, object]:
    kind, found = one.resource.kind, list(one.found)
    return {"kind": kind, "namespace": one.namespace, "name": one.name, "found": found, "wanted": one.wanted}
