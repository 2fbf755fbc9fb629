"""Helm releases that would be in the way: unfinished ones of ours, and others under our names."""

from collections.abc import Iterable, Iterator

from kube.api_objects import Manifest
from kube.cluster import Cluster
from kube.helm_records import OWNED
from kube.objects import SECRETS, labels_of

from ..engine.state import ReleaseKey
from ..preflight.finding import Finding, Level
from .known import Known

FAILED_UPGRADE = "failed upgrade"
STOOD = ("deployed", FAILED_UPGRADE)
UNFINISHED = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling", FAILED_UPGRADE)
WHY = {
    FAILED_UPGRADE: "failed to upgrade; what that added stays through every later upgrade, until it is rolled back",
    "uninstalling": "was left uninstalling: its deletion never finished",
}
"""What is wrong with a status at which helm does not refuse the release."""


def releases(cluster: Cluster, stack: str, wanted: set[ReleaseKey], known: Known, on: str = "") -> Iterator[Finding]:
    """`wanted` are the releases of the program; `known` says which of them the state has, `on` is `Target.option`."""
    ours = wanted | known.releases
    # Their metadata only: the records are megabytes.
    records = cluster.metadata(SECRETS, labels=f"{OWNED},status!=superseded")
    left = [one for one in records if one["metadata"].get("uid") in known.leaving and _key(one) not in known.releases]
    found = _statuses(one for one in records if one not in left)
    unfinished = {key: status for key, status in found.items() if status in UNFINISHED}
    trouble = False
    for key, status in sorted(unfinished.items(), key=lambda item: str(item[0])):
        if key in known.releases:
            trouble = True
            text = f"release {key} {WHY.get(status, f'was left {status}; helm refuses to touch it')}"
            yield Finding("releases", Level.PROBLEM, text, f"meshlab recover --stack {stack}{on}")
        elif key not in ours:
            yield Finding(
                "releases", Level.NOTE, f"release {key} is {status}; it belongs to someone else and does not conflict"
            )
    for key in sorted(map(_key, left)):
        text = f"release {key} is left of a down that did not come to its end"
        yield Finding("releases", Level.NOTE, f"{text}; the next up or down goes on from there")
    strangers = sorted(key for key in wanted if key in found and known.readable and key not in known.releases)
    for key in strangers:
        trouble = True
        yield Finding(
            "releases",
            Level.PROBLEM,
            f"release {key} is there ({found[key]}) and not of this stack: helm refuses a name that is in use",
            f"see whose it is: helm history {key.name} --namespace {key.namespace}; then work on another cluster, or "
            f"if no one needs it: helm uninstall {key.name} --namespace {key.namespace}",
        )
    if not trouble:
        there = f"{sum(key in found for key in wanted)} of {len(wanted)} there, " if wanted else ""
        yield Finding("releases", Level.OK, f"{there}none of this stack's unfinished")


def _key(record: Manifest) -> ReleaseKey:
    return ReleaseKey(str(record["metadata"]["namespace"]), labels_of(record)["name"])


def _statuses(records: Iterable[Manifest]) -> dict[ReleaseKey, str]:
    """The status of the last revision of each release.

    A rollback leaves the revision that it rolled back pending. A failed revision over one that stood is FAILED_UPGRADE:
    `failed` alone is an install.
    """
    found: dict[ReleaseKey, str] = {}
    for record in sorted(records, key=lambda record: int(labels_of(record)["version"])):
        labels, key = labels_of(record), _key(record)
        failed = labels["status"] == "failed" and found.get(key) in STOOD
        found[key] = FAILED_UPGRADE if failed else labels["status"]
    return found
