"""What helm itself has noted of its releases in a cluster: chart, values, and whether the last run of it ended well."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from kube.api_objects import Manifest, entries, mapping
from kube.helm_records import RECORD_TYPE, unpacked
from kube.objects import labels_of

from ..comparison.finding import Difference, DriftFinding, What
from ..recording.releases import RELEASE, Release

UNFINISHED = ("failed", "pending-install", "pending-upgrade", "pending-rollback")


@dataclass(frozen=True)
class ReleaseRecord:
    """One revision of a release."""

    namespace: str
    name: str
    revision: int
    status: str
    chart: str
    version: str
    values: Mapping[str, Any]
    manifest: str
    """The objects of the release as YAML, as helm applied them."""
    hooks: tuple[str, ...] = ()
    """Its hooks as YAML."""


def records_of(secrets: Iterable[Manifest]) -> dict[tuple[str, str], ReleaseRecord]:
    """The releases of a cluster by namespace and name, from its Secrets; only the newest of each is unpacked."""
    newest: dict[tuple[str, str], tuple[int, Manifest]] = {}
    for secret in secrets:
        if secret.get("type") == RECORD_TYPE:
            labels = labels_of(secret)
            key = str(secret["metadata"]["namespace"]), labels["name"]
            newest[key] = max(newest.get(key, (0, secret)), (int(labels["version"]), secret), key=lambda one: one[0])
    return {key: _record(key, revision, secret) for key, (revision, secret) in newest.items()}


def failures_of(secrets: Iterable[Manifest], releases: Collection[tuple[str, str]]) -> list[ReleaseRecord]:
    """The revisions of some releases that were not brought to their end, of all that helm remembers, oldest first."""
    found: list[tuple[int, tuple[str, str], Manifest]] = []
    for secret in secrets:
        if secret.get("type") == RECORD_TYPE and labels_of(secret).get("status") in UNFINISHED:
            key = str(secret["metadata"]["namespace"]), labels_of(secret)["name"]
            if key in releases:
                found.append((int(labels_of(secret)["version"]), key, secret))
    return [_record(key, revision, secret) for revision, key, secret in sorted(found, key=lambda one: one[:2])]


def release_findings(
    releases: Sequence[Release], records: Mapping[tuple[str, str], ReleaseRecord]
) -> Iterator[DriftFinding]:
    """The releases that helm does not know, or knows with another chart, other values or an unfinished run."""
    for release in releases:
        record = records.get((release.namespace, release.name))
        if record is None:
            yield _finding(What.DELETED, release, "helm has no record of it")
            continue
        wanted = {"chart": release.chart, "version": release.version, "status": "deployed"}
        seen = {"chart": record.chart, "version": record.version, "status": record.status}
        found = [Difference(key, seen[key], wanted[key]) for key in wanted if seen[key] != wanted[key]]
        if record.values != release.values:
            found += _value_differences(record.values, release.values)
        if found:
            yield _finding(What.EDITED, release, f"helm's revision {record.revision}", tuple(found))


def _value_differences(seen: Mapping[str, Any], wanted: Mapping[str, Any], at: str = "values") -> list[Difference]:
    found: list[Difference] = []
    for key in sorted({*seen, *wanted}):
        one, other, path = seen.get(key), wanted.get(key), f"{at}.{key}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += _value_differences(cast(Mapping[str, Any], one), cast(Mapping[str, Any], other), path)
        elif one != other:
            found.append(Difference(path, one, other))
    return found


def _record(key: tuple[str, str], revision: int, secret: Manifest) -> ReleaseRecord:
    content = unpacked(secret)
    chart = mapping(mapping(content.get("chart")).get("metadata"))
    return ReleaseRecord(
        *key,
        revision=revision,
        status=str(mapping(content.get("info")).get("status")),
        chart=str(chart.get("name")),
        version=str(chart.get("version")),
        values=mapping(content.get("config")),
        manifest=str(content.get("manifest") or ""),
        hooks=tuple(str(hook["manifest"]) for hook in entries(content.get("hooks"))),
    )


def _finding(what: What, release: Release, note: str, found: tuple[Difference, ...] = ()) -> DriftFinding:
    return DriftFinding(
        what,
        RELEASE.removeprefix("kubernetes:").rpartition(":")[0],
        "Release",
        release.namespace,
        release.name,
        release.component,
        release.name,
        release.resource,
        note=note,
        differences=found,
    )
